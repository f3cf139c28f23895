#include "api/signup/signup.h"

#include <thread>

#include "api/access/lookups_store.h"
#include "api/mail/mail_sender.h"
#include "crypto/random.h"
#include "tests/fakes/fake_mail_transport.h"
#include "tests/unit/api/access_database.h"

using namespace claviger;
using namespace claviger::api;
using namespace claviger::testing;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view kPassword = "correct horse battery";
constexpr crypto::Argon2Cost kCost{.memory_kib = 64, .passes = 1, .lanes = 1};

ErrorKind KindOf(const auto& result) {
  REQUIRE(!result.has_value());
  return result.error().kind;
}

struct Fixture : Database {
  AuditDraft Draft() {
    clock.Advance(1us);  // ids of one instant have no order
    return AuditDraft(http::Request{}, "test.action", "test");
  }
  Status Ask(const std::string& email = "ann@example.org", std::string_view password = kPassword) {
    auto draft = Draft();
    return signups.Ask({email, SecretBytes(password), "Ann"}, http::PeerAddress("203.0.113.5"), draft);
  }
  Result<AccessToken> Verify(std::string_view token) {
    auto draft = Draft();
    TRY(auto verified, signups.Verify(token, "203.0.113.5", draft));
    return std::move(verified.first_token);
  }
  // The newest mail, once all was sent.
  std::string LastMail() {
    while (Must(sender.SendOne())) {
    }
    REQUIRE(!transport.accepted.empty());
    return transport.accepted.back().second;
  }
  std::string Token() {
    const std::string text = LastMail();
    const size_t at = text.find("vfy_");
    REQUIRE(at != std::string::npos);
    return text.substr(at, 47);
  }
  int64_t Mails() { return Count("SELECT count(*) FROM outbox"); }
  int64_t People() { return Count("SELECT count(*) FROM users"); }

  crypto::SystemRandom random;  // of several threads at once
  crypto::TokenVerifier verifier = Verifier();
  KeyUses uses{pool, clock, QuietLog()};
  Authenticator authenticator{pool, clock, verifier, keyring, uses};
  AuditLog audit{pool, clock, random, QuietLog(), 10};
  TokenIssuer tokens{kIssuer, keyring, clock, random};
  Mail mail{{"vault@example.org", "https://vault.example.org"}, {keyring, pool, clock, random}};
  fakes::FakeMailTransport transport;
  MailSender sender{{10s, 60s}, {pool, keyring, transport, clock, random, QuietLog()}};
  RefusalDigest refusals{clock};
  GuessBudgets guesses{{}, Bytes(32, 1), {pool, clock, QuietLog(), refusals}};
  const Signups::Parts parts{pool, keyring, mail, tokens, audit, guesses, clock, random};
  Signups signups{{kCost, {}}, parts};
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "the code of the mail makes the account, once") {
  REQUIRE(Ask());
  CHECK(People() == 0);
  const std::string token = Token();
  const auto first = Must(Verify(token));
  CHECK(first.expires_in == 900);
  const auto who = Must(authenticator.Authenticate(WithToken(first.token)));
  CHECK(who.role == Role::kOwner);
  CHECK(Count("SELECT count(*) FROM users WHERE email = 'ann@example.org' AND email_verified") == 1);
  CHECK(LastMail().find("Subject: Welcome\r\n") != std::string::npos);
  CHECK(KindOf(Verify(token)) == ErrorKind::kInvalid);
  CHECK(People() == 1);
  CHECK(Count("SELECT count(*) FROM pending_signups") == 0);
}

TEST_CASE_FIXTURE(Fixture, "a code makes one account however many bring it at once") {
  REQUIRE(Ask());
  const std::string token = Token();
  std::atomic<int> made{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] { made += Verify(token).has_value() ? 1 : 0; });
  }
  for (auto& thread : threads) thread.join();
  CHECK(made == 1);
  CHECK(Count("SELECT count(*) FROM orgs") == 1);
}

TEST_CASE_FIXTURE(Fixture, "a code of any other form, an unknown and an expired one get one answer") {
  REQUIRE(Ask());
  const std::string token = Token();
  std::string unknown = token;
  unknown[10] = unknown[10] == 'A' ? 'B' : 'A';
  for (const std::string& text :
       {unknown, token + "A", " " + token, token.substr(4), "mfa_" + token.substr(4)}) {
    CAPTURE(text);
    const auto refused = Verify(text);
    CHECK(KindOf(refused) == ErrorKind::kInvalid);
    CHECK(refused.error().detail == "The code is unknown, used or expired");
  }
  clock.Advance(24h);
  CHECK(Verify(token).error().detail == "The code is unknown, used or expired");
  CHECK(People() == 0);
}

TEST_CASE_FIXTURE(Fixture, "asking again makes the older code void, three times an hour at most") {
  REQUIRE(Ask());
  const std::string first = Token();
  REQUIRE(Ask());
  const std::string second = Token();
  CHECK(KindOf(Verify(first)) == ErrorKind::kInvalid);
  REQUIRE(Ask());
  const std::string third = Token();
  const auto mails = transport.accepted.size();
  REQUIRE(Ask("ann@example.org", "of somebody else!"));
  CHECK(Mails() == 0);
  CHECK(transport.accepted.size() == mails);
  CHECK(KindOf(Verify(second)) == ErrorKind::kInvalid);
  clock.Advance(1h);
  REQUIRE(Ask());
  CHECK(KindOf(Verify(third)) == ErrorKind::kInvalid);
  CHECK(Verify(Token()).has_value());
}

TEST_CASE_FIXTURE(Fixture, "who has an account is told by mail, and nothing else is different") {
  REQUIRE(Ask());
  Must(Verify(Token()));
  CHECK(LastMail().find("Welcome") != std::string::npos);
  REQUIRE(Ask("ann@example.org", "the choice of Eve"));
  CHECK(Count("SELECT count(*) FROM pending_signups") == 1);
  const std::string told = LastMail();
  CHECK(told.find("already") != std::string::npos);
  CHECK(told.find("vfy_") == std::string::npos);
  CHECK(People() == 1);
}

TEST_CASE_FIXTURE(Fixture, "an account that was made meanwhile stays as it is") {
  REQUIRE(Ask());
  const std::string token = Token();
  const auto other = AddUser();
  Sql("UPDATE users SET email = 'ann@example.org' WHERE id = $1", {other.id});
  CHECK(KindOf(Verify(token)) == ErrorKind::kInvalid);
  CHECK(People() == 1);
  CHECK(Count("SELECT count(*) FROM orgs") == 1);
}

TEST_CASE_FIXTURE(Fixture, "a weak password asks for nothing") {
  CHECK(KindOf(Ask("ann@example.org", "short")) == ErrorKind::kInvalid);
  CHECK(Mails() == 0);
}

TEST_CASE_FIXTURE(Fixture, "asking says no more than its bounds: too many pending ones, too much mail") {
  Sql("INSERT INTO outbox (id, recipient, sealed, kek_version, next_attempt_at, created_at)"
      " SELECT gen_random_uuid(), 'ann@example.org', decode(repeat('00', 61), 'hex'), 1, now(), now()"
      "   FROM generate_series(1, $1)",
      {int32_t{Mail::kMaxWaiting}});
  CHECK(KindOf(Ask()) == ErrorKind::kUnavailable);
  CHECK(Count("SELECT count(*) FROM pending_signups") == 0);
  Sql("TRUNCATE outbox");
  Sql("INSERT INTO pending_signups SELECT i || '@example.org', decode(lpad(to_hex(i), 64, '0'), 'hex'), 'x', "
      "'x', now(), now() FROM generate_series(1, $1) i",
      {int32_t{Signups::kMaxPending}});
  CHECK(KindOf(Ask()) == ErrorKind::kUnavailable);
  CHECK(Mails() == 0);
}

TEST_CASE_FIXTURE(Fixture, "neither code nor password is readable at rest") {
  REQUIRE(Ask());
  const std::string token = Token();
  CHECK(Count("SELECT count(*) FROM pending_signups WHERE password_hash LIKE '$argon2id$%'") == 1);
  CHECK(Count("SELECT count(*) FROM pending_signups p WHERE p::text LIKE '%' || $1 || '%'", {token}) == 0);
}

TEST_CASE_FIXTURE(Fixture, "an address that was invited joins with the role offered, and other offers go") {
  const auto host = AddUser(), other = AddUser();
  for (const auto& [inviter, role] : {std::pair(host, "admin"), std::pair(other, "owner")}) {
    Sql("INSERT INTO invitations VALUES ($1, 'ann@example.org', $2, $3, $4, $5)",
        {inviter.org, role, inviter.id, clock.Now(), clock.Now() + 1h});
    clock.Advance(-1s);  // the first is the newest
  }
  clock.Advance(2s);
  REQUIRE(Ask());
  const std::string token = Token();
  CHECK(LastMail().find(FormatUuid(host.id) + "@example.org") != std::string::npos);
  const auto who = Must(authenticator.Authenticate(WithToken(Must(Verify(token)).token)));
  CHECK(who.org == host.org);
  CHECK(who.role == Role::kAdmin);
  CHECK(Count("SELECT count(*) FROM orgs") == 2);
  CHECK(Count("SELECT count(*) FROM invitations") == 0);
}

TEST_CASE_FIXTURE(Fixture, "who was invited and is so no more founds an organisation") {
  const auto host = AddUser();
  Sql("INSERT INTO invitations VALUES ($1, 'ann@example.org', 'member', $2, $3, $4)",
      {host.org, host.id, clock.Now(), clock.Now() + 1h});
  REQUIRE(Ask());
  const std::string token = Token();
  clock.Advance(1h);
  const auto who = Must(authenticator.Authenticate(WithToken(Must(Verify(token)).token)));
  CHECK(!(who.org == host.org));
  CHECK(who.role == Role::kOwner);
}

TEST_CASE_FIXTURE(Fixture, "a code mailed before a move to another lookup key makes one account") {
  const auto waiting = [&] {
    auto lease = Must(pool.Acquire());
    const auto counts = Must(lookups_store::CountUnderOlder(*lease, 2, clock.Now()));
    return counts.empty() ? 0 : counts[0].count;
  };
  REQUIRE(Ask());
  const std::string token = Token();
  REQUIRE(Ask("bob@example.org"));
  const std::string unused = Token();
  REQUIRE(Ask("eve@example.org"));
  CHECK(waiting() == 3);
  keyring.RotateLookupKey();
  REQUIRE(Ask("eve@example.org"));  // a new code in place of the old one
  const std::string later = Token();
  CHECK(waiting() == 2);
  std::atomic<int> made{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] { made += Verify(token).has_value() ? 1 : 0; });
  }
  for (auto& thread : threads) thread.join();
  CHECK(made == 1);
  CHECK(People() == 1);
  CHECK(waiting() == 1);
  CHECK(KindOf(Verify(crypto::NewCredential("vfy_", random).Text())) == ErrorKind::kInvalid);
  keyring.DropOlderLookupKey();
  CHECK(KindOf(Verify(unused)) == ErrorKind::kInvalid);
  CHECK(Verify(later).has_value());
  CHECK(waiting() == 1);
  clock.Advance(24h);
  CHECK(waiting() == 0);
}
