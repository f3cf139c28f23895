#include <mutex>
#include <thread>

#include "api/agents/enroller.h"
#include "api/agents/enrollments.h"
#include "api/mail/mail_sender.h"
#include "crypto/random.h"
#include "tests/fakes/fake_mail_transport.h"
#include "tests/unit/api/access_database.h"

using namespace claviger;
using namespace claviger::api;
using namespace claviger::testing;
using namespace std::chrono_literals;

namespace {

struct Fixture : Database {
  static std::string EmailOf(const Principal& person) { return FormatUuid(person.id) + "@example.org"; }

  Status Ask(const std::string& email, Enrollments& from) {
    http::Request request;
    request.id = NewUuidV7(clock, random);
    request.client = http::PeerAddress("203.0.113.5");
    AuditDraft draft(request, "agent.enroll", "enrollAgent");
    return from.Ask({"deploy", email, "ships"}, request, draft);
  }
  Status Ask(const std::string& email) { return Ask(email, enrollments); }
  // As if the address's pause had passed.
  void ForgetGuesses() { Sql("DELETE FROM guess_budgets"); }
  void ServeAll() {
    while (Must(enroller.ServeOne())) {
    }
  }
  // All mail, the newest last.
  const auto& Mails() {
    while (Must(sender.SendOne())) {
    }
    return transport.accepted;
  }
  int64_t Waiting() { return Count("SELECT count(*) FROM enrollments"); }
  int64_t AgentsThere() { return Count("SELECT count(*) FROM agents"); }
  int64_t MailsThere() { return Count("SELECT count(*) FROM outbox"); }
  void FillOutbox() {
    Sql("INSERT INTO outbox (id, recipient, sealed, kek_version, next_attempt_at, created_at)"
        " SELECT gen_random_uuid(), 'ann@example.org', decode(repeat('00', 61), 'hex'), 1, now(), now()"
        "   FROM generate_series(1, $1)",
        {int32_t{Mail::kMaxWaiting}});
  }

  crypto::SystemRandom random;  // of several threads at once
  crypto::TokenVerifier verifier = Verifier();
  KeyUses uses{pool, clock, QuietLog()};
  Authenticator authenticator{pool, clock, verifier, keyring, uses};
  AuditLog audit{pool, clock, random, QuietLog(), 10};
  RefusalDigest refusals{clock};
  GuessBudgets guesses{{}, Bytes(32, 1), {pool, clock, QuietLog(), refusals}};
  Mail mail{{"vault@example.org", "https://vault.example.org"}, {keyring, pool, clock, random}};
  fakes::FakeMailTransport transport;
  MailSender sender{{10s, 60s}, {pool, keyring, transport, clock, random, QuietLog()}};
  Enrollments enrollments{{pool, mail, audit, guesses, clock}};
  Enroller enroller{{pool, keyring, mail, audit, clock, random, QuietLog()}};
};

ErrorKind KindOf(const auto& result) {
  REQUIRE(!result.has_value());
  return result.error().kind;
}

}  // namespace

TEST_CASE_FIXTURE(Fixture,
                  "asking does the same for every address: a row and a record, and no look further") {
  const auto person = AddUser();
  keyring.SetUnavailable(true);
  for (const std::string& email : {EmailOf(person), std::string("nobody@example.org")}) REQUIRE(Ask(email));
  CHECK(Waiting() == 2);
  CHECK(Count("SELECT count(*) FROM audit_events WHERE actor_type = 'anonymous' AND resource_id = ''") == 2);
  CHECK(Count("SELECT count(*) FROM audit_events WHERE org_id = $1", {person.org}) == 0);
  CHECK(AgentsThere() + MailsThere() == 0);
}

TEST_CASE_FIXTURE(Fixture, "a person gets an agent's key by mail, and nobody's address gets nothing") {
  const auto person = AddUser("member");
  REQUIRE(Ask(EmailOf(person)));
  REQUIRE(Ask("nobody@example.org"));
  ServeAll();
  CHECK(Waiting() == 0);
  REQUIRE(Mails().size() == 1);
  const auto& [recipient, message] = Mails().back();
  CHECK(recipient == EmailOf(person));
  CHECK(message.find("203.0.113.5") != std::string::npos);
  CHECK(message.find("deploy") == std::string::npos);
  const size_t at = message.find("ocv_");
  REQUIRE(at != std::string::npos);
  const auto agent = Must(authenticator.AuthenticateKey(message.substr(at, 47)));
  CHECK(agent.org == person.org);
  CHECK(message.find(FormatUuid(agent.id)) != std::string::npos);
  CHECK(
      Count("SELECT count(*) FROM agents WHERE id = $1 AND created_by = $2 AND name = 'deploy' AND enrolled",
            {agent.id, person.id}) == 1);
  CHECK(
      Count(
          "SELECT count(*) FROM audit_events WHERE org_id = $1 AND resource_id = $2 AND outcome = 'success'",
          {person.org, FormatUuid(agent.id)}) == 1);
}

TEST_CASE_FIXTURE(Fixture, "neither the key nor who asked for whom is readable at rest") {
  const auto person = AddUser();
  REQUIRE(Ask(EmailOf(person)));
  CHECK(Count("SELECT count(*) FROM audit_events e WHERE e::text LIKE '%@example.org%'") == 0);
  ServeAll();
  CHECK(Count("SELECT count(*) FROM outbox WHERE position('ocv_'::bytea IN sealed) > 0") == 0);
}

TEST_CASE_FIXTURE(Fixture, "agent, mail and removal are one: without room for the mail it is tried later") {
  const auto person = AddUser();
  REQUIRE(Ask(EmailOf(person)));
  FillOutbox();
  CHECK(KindOf(enroller.ServeOne()) == ErrorKind::kUnavailable);
  CHECK(AgentsThere() == 0);
  CHECK(Waiting() == 1);
  Sql("TRUNCATE outbox");
  CHECK(!Must(enroller.ServeOne()));
  clock.Advance(30s);
  CHECK(Must(enroller.ServeOne()));
  CHECK(AgentsThere() == 1);
  CHECK(MailsThere() == 1);
  CHECK(Waiting() == 0);
}

TEST_CASE_FIXTURE(Fixture, "an HSM that is away delays an enrollment, and an hour gives it up") {
  const auto person = AddUser();
  REQUIRE(Ask(EmailOf(person)));
  keyring.SetUnavailable(true);
  CHECK(KindOf(enroller.ServeOne()) == ErrorKind::kUnavailable);
  clock.Advance(30s);
  CHECK(KindOf(enroller.ServeOne()) == ErrorKind::kUnavailable);
  REQUIRE(enroller.Purge());
  CHECK(Waiting() == 1);
  clock.Advance(1h);
  REQUIRE(enroller.Purge());
  CHECK(Waiting() == 0);
}

TEST_CASE_FIXTURE(Fixture, "however many nodes serve, each enrollment makes one agent") {
  std::vector<Principal> people;
  for (int i = 0; i < 4; ++i) {
    people.push_back(AddUser());
    REQUIRE(Ask(EmailOf(people.back())));
  }
  std::vector<std::thread> nodes;
  std::mutex hurrying;  // two such updates could wait for each other
  for (int i = 0; i < 6; ++i) {
    nodes.emplace_back([&] {
      // A node that is slow: another takes over before it is done.
      for (int turn = 0; turn < 4; ++turn) {
        static_cast<void>(enroller.ServeOne());
        const std::lock_guard lock(hurrying);
        Sql("UPDATE enrollments SET next_attempt_at = '-infinity'");
      }
    });
  }
  for (auto& node : nodes) node.join();
  ServeAll();
  CHECK(AgentsThere() == 4);
  CHECK(MailsThere() == 4);
  CHECK(Count("SELECT count(*) FROM vaults") == 4);
}

TEST_CASE_FIXTURE(Fixture,
                  "few enrolled agents of a person and of an organisation wait for their first use") {
  const auto person = AddUser();
  const auto like = AddAgent(person);
  const auto fill = [&](int64_t count, const char* creator) {
    Sql((std::string("INSERT INTO agents (org_id, id, name, description, auth_method, oidc_issuer, "
                     "oidc_client_id, tokens_valid_from, scopes, vault_ids, is_active, intents_api_enabled, "
                     "tx_to_allowlist, tx_allowed_chains, ssh_public_key, ecdh_public_key, created_at, "
                     "created_by, enrolled) SELECT org_id, gen_random_uuid(), 'many', '', "
                     "'oidc_client_credentials', 'i', 'c', now(), '[]', '[]', true, false, '[]', '[]', "
                     "ssh_public_key, ecdh_public_key, now(), ") +
         creator + ", true FROM agents, generate_series(1, $2) WHERE id = $1")
            .c_str(),
        {like.agent.id, count});
  };
  const auto ask_again = [&] {
    ForgetGuesses();
    REQUIRE(Ask(EmailOf(person)));
    ServeAll();
    return Mails().back().second.find("ocv_") != std::string::npos;
  };
  fill(Enroller::kMaxUnused - 1, "created_by");
  CHECK(ask_again());
  CHECK(!ask_again());
  CHECK(Count("SELECT count(*) FROM agents WHERE enrolled") == Enroller::kMaxUnused);
  CHECK(Count("SELECT count(*) FROM audit_events WHERE org_id = $1 AND outcome = 'denied'", {person.org}) ==
        1);
  Sql("UPDATE agents SET last_active_at = now() WHERE enrolled");
  CHECK(ask_again());
  fill(Enroller::kMaxUnusedInOrg, "NULL");
  CHECK(!ask_again());
  Sql("UPDATE agents SET is_active = false WHERE created_by IS NULL");
  CHECK(ask_again());
}

TEST_CASE_FIXTURE(Fixture, "asking has bounds, and is not charged for where it fails") {
  Mail none{{}, {keyring, pool, clock, random}};
  Enrollments without_mail{{pool, none, audit, guesses, clock}};
  CHECK(KindOf(Ask("ann@example.org", without_mail)) == ErrorKind::kInvalid);
  Sql("INSERT INTO enrollments SELECT gen_random_uuid(), 'x@example.org', 'n', '', '', now(), now()"
      " FROM generate_series(1, $1)",
      {int32_t{Enrollments::kMaxWaiting}});
  CHECK(KindOf(Ask("ann@example.org")) == ErrorKind::kUnavailable);
  Sql("TRUNCATE enrollments");
  REQUIRE(Ask("ann@example.org"));
  CHECK(KindOf(Ask("ann@example.org")) == ErrorKind::kTooMany);
  CHECK(Waiting() == 1);
}
