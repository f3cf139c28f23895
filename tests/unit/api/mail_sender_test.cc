#include "api/mail/mail_sender.h"

#include <thread>

#include "api/mail/mail.h"
#include "crypto/random.h"
#include "tests/fakes/fake_mail_transport.h"
#include "tests/unit/api/access_database.h"

using namespace claviger;
using namespace claviger::api;
using namespace claviger::testing;
using namespace std::chrono_literals;
using Kind = Delivery::Kind;

namespace {

struct Fixture : Database {
  bool Post(const std::string& recipient = "ann@example.org") {
    clock.Advance(1us);
    const auto prepared = Must(mail.Prepare(recipient, {"Subject", "Body\n"}));
    auto lease = Must(pool.Acquire());
    return Must(mail.Post(*lease, prepared));
  }
  int64_t Waiting() { return Count("SELECT count(*) FROM outbox WHERE refused_at IS NULL"); }
  MailSender::Parts Parts() { return {pool, keyring, transport, clock, random, QuietLog()}; }

  crypto::SystemRandom random;
  Mail mail{{"vault@example.org", "https://vault.example.org"}, {keyring, pool, clock, random}};
  fakes::FakeMailTransport transport;
  MailSender sender{{10s, 60s}, Parts()};
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a mail is sent once, and its row goes") {
  CHECK(!Must(sender.SendOne()));
  REQUIRE(Post());
  CHECK(Waiting() == 1);
  CHECK(Must(sender.SendOne()));
  REQUIRE(transport.accepted.size() == 1);
  CHECK(transport.accepted[0].first == "ann@example.org");
  CHECK(transport.accepted[0].second.find("Subject: Subject\r\n") != std::string::npos);
  CHECK(transport.accepted[0].second.ends_with("\r\n\r\nBody\r\n"));
  CHECK(Count("SELECT count(*) FROM outbox") == 0);
  CHECK(!Must(sender.SendOne()));
}

TEST_CASE_FIXTURE(Fixture, "a mail goes with the transaction that it tells of, and not without it") {
  const auto prepared = Must(mail.Prepare("ann@example.org", {"Subject", "Body\n"}));
  {
    auto lease = Must(pool.Acquire());
    auto transaction = Must(lease->Begin());
    REQUIRE(Must(mail.Post(*lease, prepared)));
  }
  CHECK(Waiting() == 0);
}

TEST_CASE_FIXTURE(Fixture, "where no mail is sent there is nothing to post") {
  Mail off({}, {keyring, pool, clock, random});
  CHECK(!off.enabled());
  const auto prepared = Must(off.Prepare("ann@example.org", {"Subject", "Body\n"}));
  CHECK(!prepared);
  auto lease = Must(pool.Acquire());
  CHECK(Must(off.Post(*lease, prepared)));
  CHECK(Waiting() == 0);
}

TEST_CASE_FIXTURE(Fixture, "what fails is tried again after pauses that double, and at last given up") {
  Post();
  transport.next = {Kind::kFailed, "no answer"};
  CHECK(Must(sender.SendOne()));
  CHECK(!Must(sender.SendOne()));  // not before its time
  clock.Advance(53s);
  CHECK(!Must(sender.SendOne()));
  clock.Advance(13s);
  CHECK(Must(sender.SendOne()));
  clock.Advance(120s - 13s);
  CHECK(!Must(sender.SendOne()));
  clock.Advance(26s);
  CHECK(Must(sender.SendOne()));
  CHECK(Waiting() == 1);
  for (int attempt = 3; attempt < MailSender::kMaxAttempts; ++attempt) {
    clock.Advance(67min);
    REQUIRE(Must(sender.SendOne()));
  }
  CHECK(transport.attempts == MailSender::kMaxAttempts);
  CHECK(Waiting() == 0);
  clock.Advance(24h);
  CHECK(!Must(sender.SendOne()));
  CHECK(transport.accepted.empty());
}

TEST_CASE_FIXTURE(Fixture, "a mail whose sender died is taken up when its time is over, not before") {
  Post();
  Sql("UPDATE outbox SET attempts = 1, next_attempt_at = $1", {clock.Now() + 10s});
  clock.Advance(9s);
  CHECK(!Must(sender.SendOne()));
  clock.Advance(1s);
  CHECK(Must(sender.SendOne()));
  CHECK(transport.accepted.size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "what is refused for good is not tried again, forgotten, and gone after a week") {
  Post();
  transport.next = {Kind::kRefused, "SMTP 550"};
  CHECK(Must(sender.SendOne()));
  CHECK(Count("SELECT count(*) FROM outbox WHERE refusal = 'SMTP 550' AND sealed IS NULL") == 1);
  clock.Advance(6 * 24h);
  CHECK(!Must(sender.SendOne()));
  REQUIRE(sender.Purge());
  CHECK(Count("SELECT count(*) FROM outbox") == 1);
  clock.Advance(25h);
  REQUIRE(sender.Purge());
  CHECK(Count("SELECT count(*) FROM outbox") == 0);
}

TEST_CASE_FIXTURE(Fixture, "a mail that was redirected or changed at rest is sent to nobody") {
  for (const char* change : {"UPDATE outbox SET recipient = 'eve@example.org'",
                             "UPDATE outbox SET sealed = set_byte(sealed, 100, get_byte(sealed, 100) # 1)",
                             "UPDATE outbox SET id = gen_random_uuid()"}) {
    CAPTURE(change);
    Post();
    Sql(change);
    CHECK(Must(sender.SendOne()));
    CHECK(Waiting() == 0);
  }
  CHECK(transport.attempts == 0);
}

TEST_CASE_FIXTURE(Fixture, "nothing of a mail is readable at rest") {
  Post();
  CHECK(Count("SELECT count(*) FROM outbox WHERE position('Body'::bytea IN sealed) > 0") == 0);
}

TEST_CASE_FIXTURE(Fixture, "without an HSM mail waits") {
  Post();
  keyring.SetUnavailable(true);
  CHECK(Must(sender.SendOne()));
  CHECK(transport.attempts == 0);
  keyring.SetUnavailable(false);
  clock.Advance(100s);
  CHECK(Must(sender.SendOne()));
  CHECK(transport.accepted.size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "two senders never take the same mail") {
  for (int i = 0; i < 20; ++i) Post("ann" + std::to_string(i) + "@example.org");
  fakes::FakeMailTransport other_transport;
  auto parts = Parts();
  MailSender other({10s, 60s},
                   {parts.pool, parts.keyring, other_transport, parts.clock, parts.random, parts.log});
  const auto drain = [](MailSender& each) {
    while (Must(each.SendOne())) {
    }
  };
  std::thread thread([&] { drain(other); });
  drain(sender);
  thread.join();
  CHECK(transport.accepted.size() + other_transport.accepted.size() == 20);
  CHECK(Count("SELECT count(*) FROM outbox") == 0);
}

TEST_CASE_FIXTURE(Fixture, "the outbox has a bound") {
  Sql("INSERT INTO outbox (id, recipient, sealed, kek_version, next_attempt_at, created_at)"
      " SELECT gen_random_uuid(), 'ann@example.org', decode(repeat('00', 61), 'hex'), 1, now(), now()"
      "   FROM generate_series(1, $1)",
      {int32_t{Mail::kMaxWaiting - 1}});
  CHECK(Post());
  CHECK(!Post());
}

TEST_CASE_FIXTURE(Fixture, "a sender stops at once and breaks off what it does") {
  {
    MailSender running({10s, 60s}, Parts());
    running.Start();
  }
  CHECK(transport.aborted);
}
