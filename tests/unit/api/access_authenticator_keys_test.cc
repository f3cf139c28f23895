#include "api/access/path_tree.h"
#include "tests/unit/api/access_authenticator_fixture.h"

using namespace claviger;
using namespace claviger::api;
using namespace claviger::testing;

TEST_CASE_FIXTURE(AuthenticatorFixture, "a key is its owner, with the role of the database") {
  const auto key = AddKey(user);
  const auto principal = Must(Ask(key.text));
  CHECK(principal.type == PrincipalType::kUser);
  CHECK(principal.id == user.id);
  CHECK(principal.org == user.org);
  CHECK(principal.role == Role::kOwner);
  CHECK(principal.key == key.id);
  CHECK(principal.token.IsNil());
  CHECK(Must(authenticator.AuthenticateKey(key.text)).id == user.id);
  Sql("UPDATE users SET role = 'member' WHERE id = $1", {user.id});
  CHECK(Must(Ask(key.text)).role == Role::kMember);
}

TEST_CASE_FIXTURE(AuthenticatorFixture, "revoked, expired, unknown and misshapen keys are refused alike") {
  const auto revoked = AddKey(user);
  Sql("UPDATE api_keys SET is_active = false WHERE id = $1", {revoked.id});
  Refused(Ask(revoked.text));
  Refused(Ask(AddKey(user, clock.Now()).text));
  const auto key = AddKey(user, clock.Now() + std::chrono::seconds(1));
  CHECK(Ask(key.text).has_value());
  Refused(Ask(crypto::NewCredential(kApiKeyPrefix, random).Text()));
  Refused(Ask(key.text + "A"));
  Refused(Ask("1ck_"));
  Refused(authenticator.AuthenticateKey(token));
}

TEST_CASE_FIXTURE(AuthenticatorFixture,
                  "a trusted cache knows a key without database and HSM, until the key ends") {
  const auto key = AddKey(user, clock.Now() + std::chrono::seconds(10));
  const auto unknown = AddKey(user);
  Trust();
  REQUIRE(Ask(key.text).has_value());
  keyring.SetUnavailable(true);
  Server().Stop();
  const auto cached = Ask(key.text);
  const auto recalled = authenticator.Recall(WithToken(key.text));
  Server().Start();
  CHECK(Must(cached).key == key.id);
  CHECK(recalled.has_value());
  CHECK(Ask(unknown.text).error().kind == ErrorKind::kUnavailable);
  keyring.SetUnavailable(false);
  clock.Advance(std::chrono::seconds(10));
  Trust();
  Refused(Ask(key.text));
}

TEST_CASE_FIXTURE(AuthenticatorFixture,
                  "a forgotten key is asked for again, with the tokens that were given for it") {
  const auto key = AddKey(user);
  auto given = ClaimsOf(user);
  given.key = key.id;
  const std::string given_token = Sign(given);
  Trust();
  REQUIRE(Ask(key.text).has_value());
  REQUIRE(Ask(given_token).has_value());
  REQUIRE(Ask().has_value());
  Sql("UPDATE api_keys SET is_active = false WHERE id = $1", {key.id});
  CHECK(Ask(key.text).has_value());  // cached: this node does not know yet
  authenticator.Forget("key", key.id.uuid);
  Refused(Ask(key.text));
  Refused(Ask(given_token));
  CHECK(Ask().has_value());
}

TEST_CASE_FIXTURE(AuthenticatorFixture, "a token given for a key of somebody else is refused") {
  auto given = ClaimsOf(user);
  given.key = AddKey(AddUser()).id;
  Refused(Ask(Sign(given)));
}

TEST_CASE_FIXTURE(AuthenticatorFixture, "the use of a key is written once a minute, that of a token never") {
  const auto key = AddKey(user);
  const auto written = [&] {
    Must(uses.WriteOnce());
    const auto rows = Sql("SELECT last_used_at FROM api_keys WHERE id = $1", {key.id});
    return rows.IsNull(0, 0) ? std::optional<Time>() : rows.Timestamp(0, 0);
  };
  REQUIRE(Ask().has_value());
  CHECK(!written());
  const Time first = clock.Now();
  REQUIRE(Ask(key.text).has_value());
  CHECK(written() == first);
  clock.Advance(std::chrono::seconds(59));
  REQUIRE(Ask(key.text).has_value());
  CHECK(written() == first);
  clock.Advance(std::chrono::seconds(1));
  CHECK(written() == first);
  REQUIRE(Ask(key.text).has_value());
  CHECK(written() == clock.Now());
}

TEST_CASE_FIXTURE(AuthenticatorFixture,
                  "an agent's key and its tokens are the agent, bound as the database says") {
  const auto made = AddAgent(user);
  const std::string given = Sign(ClaimsOf(made.agent));
  for (const auto& credential : {made.text, given}) {
    const auto principal = Must(Ask(credential));
    CHECK(principal.type == PrincipalType::kAgent);
    CHECK(principal.id == made.agent.id);
    CHECK(principal.org == user.org);
    CHECK(principal.vaults.empty());
  }
  const VaultId vault{NewUuidV7(clock, random)};
  Sql("UPDATE agents SET vault_ids = $2 WHERE id = $1", {made.agent.id, "[\"" + vault.ToString() + "\"]"});
  for (const auto& credential : {made.text, given}) {
    CHECK(Must(Ask(credential)).vaults == std::vector<VaultId>{vault});
  }
}

TEST_CASE_FIXTURE(AuthenticatorFixture, "a binding that cannot be read is no freedom") {
  const auto made = AddAgent(user);
  for (const char* bad : {"", "{}", "[7]", "[\"x\"]", "null"}) {
    Sql("UPDATE agents SET vault_ids = $2 WHERE id = $1", {made.agent.id, bad});
    const auto answer = Ask(made.text);
    REQUIRE(!answer.has_value());
    CHECK(answer.error().kind == ErrorKind::kIntegrity);
  }
}

TEST_CASE_FIXTURE(AuthenticatorFixture,
                  "an agent's token is limited to the paths of its scopes, in the cache too") {
  const auto made = AddAgent(user);
  const auto in_scope = [](const Principal& agent, const char* path) {
    REQUIRE(agent.scopes);
    return !agent.scopes->Find(PathTree::kRoot, path).empty();
  };
  auto limited = ClaimsOf(made.agent);
  limited.scopes = {"db/*", "vaults:read"};
  const std::string given = Sign(limited);
  Trust();
  for (int time = 0; time < 2; ++time) {
    const auto agent = Must(Ask(given));
    CHECK(in_scope(agent, "db/a"));
    CHECK_FALSE(in_scope(agent, "tls/key"));
    clock.Advance(
        std::chrono::seconds(2));  // not trusted: what the token says is known, its owner is asked for
  }
  Trust();
  CHECK(in_scope(*Recall(given), "db/a"));
  limited.scopes.clear();
  limited.id = TokenId{NewUuidV7(clock, random)};
  CHECK_FALSE(in_scope(Must(Ask(Sign(limited))), "db/a"));
  CHECK_FALSE(Must(Ask()).scopes);  // people are not limited
}

TEST_CASE_FIXTURE(AuthenticatorFixture,
                  "an agent's key is limited to the paths of its stored scopes, if they name any") {
  const auto made = AddAgent(user);
  const auto store = [&](const char* scopes) {
    Sql("UPDATE agents SET scopes = $2 WHERE id = $1", {made.agent.id, scopes});
  };
  CHECK_FALSE(Must(Ask(made.text)).scopes);
  store(R"(["vaults:read"])");
  CHECK_FALSE(Must(Ask(made.text)).scopes);
  store(R"(["vaults:read","db/*"])");
  const auto agent = Must(Ask(made.text));
  REQUIRE(agent.scopes);
  CHECK(!agent.scopes->Find(PathTree::kRoot, "db/a").empty());
  CHECK(agent.scopes->Find(PathTree::kRoot, "tls/key").empty());
  store(R"(["/"])");  // speaks of paths and matches none
  CHECK(Must(Ask(made.text)).scopes->Find(PathTree::kRoot, "db/a").empty());
  for (const char* bad : {"", "{}", "[7]", "null"}) {
    store(bad);
    const auto answer = Ask(made.text);
    REQUIRE(!answer.has_value());
    CHECK(answer.error().kind == ErrorKind::kIntegrity);
  }
}

TEST_CASE_FIXTURE(AuthenticatorFixture,
                  "deactivated, expired and unknown agents are refused with key and token alike") {
  for (const char* end :
       {"UPDATE agents SET is_active = false WHERE id = $1",
        "UPDATE agents SET expires_at = to_timestamp(0) WHERE id = $1", "DELETE FROM agents WHERE id = $1"}) {
    const auto made = AddAgent(user);
    const std::string given = Sign(ClaimsOf(made.agent));
    REQUIRE(Ask(made.text).has_value());
    REQUIRE(Ask(given).has_value());
    Sql(end, {made.agent.id});
    Refused(Ask(made.text));
    Refused(Ask(given));
  }
}

TEST_CASE_FIXTURE(AuthenticatorFixture, "a cached token ends with its agent") {
  const auto made = AddAgent(user);
  Sql("UPDATE agents SET expires_at = $2 WHERE id = $1",
      {made.agent.id, clock.Now() + std::chrono::seconds(10)});
  const std::string given = Sign(ClaimsOf(made.agent));
  Trust();
  REQUIRE(Ask(given).has_value());
  clock.Advance(std::chrono::seconds(10));
  Trust();
  Refused(Ask(given));
}

TEST_CASE_FIXTURE(AuthenticatorFixture,
                  "an agent's tokens from before its new key are dead, those of that very second live") {
  const auto made = AddAgent(user);
  auto given = ClaimsOf(made.agent);
  Sql("UPDATE agents SET tokens_valid_from = $2 WHERE id = $1",
      {made.agent.id, Time(std::chrono::seconds(given.issued_at + 1))});
  Refused(Ask(Sign(given)));
  given.issued_at += 1;
  CHECK(Ask(Sign(given)).has_value());
}

TEST_CASE_FIXTURE(AuthenticatorFixture, "agents are forgotten one by one and with their organisation") {
  const auto made = AddAgent(user);
  const std::string given = Sign(ClaimsOf(made.agent));
  for (const auto& [kind, id] : {std::pair("agent", made.agent.id), std::pair("org", user.org.uuid)}) {
    Trust();
    Sql("UPDATE agents SET is_active = true WHERE id = $1", {made.agent.id});
    REQUIRE(Ask(made.text).has_value());
    REQUIRE(Ask(given).has_value());
    Sql("UPDATE agents SET is_active = false WHERE id = $1", {made.agent.id});
    CHECK(Ask(made.text).has_value());  // cached: this node does not know yet
    authenticator.Forget(kind, id);
    Refused(Ask(made.text));
    Refused(Ask(given));
  }
}

TEST_CASE_FIXTURE(AuthenticatorFixture, "the use of an agent's key is written") {
  const auto made = AddAgent(user);
  REQUIRE(Ask(made.text).has_value());
  Must(uses.WriteOnce());
  CHECK(Sql("SELECT last_active_at FROM agents WHERE id = $1", {made.agent.id}).Timestamp(0, 0) ==
        clock.Now());
}
