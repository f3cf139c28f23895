#include "api/access/authenticator.h"
#include "tests/unit/api/access_database.h"

using namespace claviger;
using namespace claviger::api;
using namespace claviger::testing;

namespace {

struct Fixture : Database {
  Fixture() : user(AddUser()), claims(ClaimsOf(user)), token(Sign(claims)) {}

  Result<Principal> Ask(std::string_view text) { return authenticator.Authenticate(WithToken(text)); }
  Result<Principal> Ask() { return Ask(token); }
  std::optional<Principal> Recall(std::string_view text) { return authenticator.Recall(WithToken(text)); }
  bool Recalls() { return Recall(token).has_value(); }
  void Trust() { authenticator.TrustUntil(clock.Steady() + std::chrono::seconds(1)); }
  void Refused(const Result<Principal>& answer) {
    REQUIRE(!answer.has_value());
    CHECK(answer.error().kind == ErrorKind::kUnauthenticated);
    CHECK(answer.error().detail == "Invalid or expired token");
  }
  void Revoke(const TokenId& id) {
    Sql("INSERT INTO revoked_tokens VALUES ($1, $2, $3)",
        {user.org, id, clock.Now() + std::chrono::minutes(15)});
  }

  crypto::TokenVerifier verifier = Verifier();
  KeyUses uses{pool, clock, QuietLog()};
  Authenticator authenticator{pool, clock, verifier, keyring, uses};
  Principal user;
  crypto::TokenClaims claims;
  std::string token;
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a token is its user, with the role of the database") {
  const auto principal = Must(Ask());
  CHECK(principal.type == PrincipalType::kUser);
  CHECK(principal.id == user.id);
  CHECK(principal.org == user.org);
  CHECK(principal.role == Role::kOwner);
  CHECK(principal.token == claims.id);
  CHECK(principal.expires_at == claims.expires_at);
  Sql("UPDATE users SET role = 'member' WHERE id = $1", {user.id});
  CHECK(Must(Ask()).role == Role::kMember);
}

TEST_CASE_FIXTURE(Fixture, "only one bearer credential in the Authorization header counts") {
  const std::string good = "Bearer " + token;
  const std::vector<std::string> bad = {"",
                                        "Bearer",
                                        "Bearer ",
                                        "Bearer  " + token,
                                        "Basic " + token,
                                        token,
                                        "Bearer\t" + token,
                                        "Bearer " + std::string(crypto::kMaxTokenBytes + 1, 'a')};
  for (const auto& value : bad) {
    http::Request request;
    request.headers = {{"authorization", value}};
    Refused(authenticator.Authenticate(request));
  }
  http::Request request;
  Refused(authenticator.Authenticate(request));
  request.headers = {{"x-authorization", good}};
  Refused(authenticator.Authenticate(request));
  request.headers = {{"authorization", good}, {"authorization", good}};
  Refused(authenticator.Authenticate(request));
  for (const std::string scheme : {"Bearer ", "bearer ", "BEARER "}) {
    request.headers = {{"authorization", scheme + token}};
    CHECK(authenticator.Authenticate(request).has_value());
  }
}

TEST_CASE_FIXTURE(Fixture, "revoked tokens and those of unknown or foreign subjects are refused alike") {
  Revoke(claims.id);
  Refused(Ask());

  auto stranger = ClaimsOf(user);
  stranger.subject = NewUuidV7(clock, random);
  Refused(Ask(Sign(stranger)));

  auto moved = ClaimsOf(user);
  moved.org = AddUser().org;
  Refused(Ask(Sign(moved)));

  auto agent = ClaimsOf(user);
  agent.subject_type = PrincipalType::kAgent;
  Refused(Ask(Sign(agent)));
}

TEST_CASE_FIXTURE(Fixture, "a token issued before tokens_valid_from is dead, one of that very second lives") {
  Sql("UPDATE users SET tokens_valid_from = $2 WHERE id = $1",
      {user.id, Time(std::chrono::seconds(claims.issued_at + 1))});
  Refused(Ask());
  auto next = ClaimsOf(user);
  next.issued_at = claims.issued_at + 1;
  CHECK(Ask(Sign(next)).has_value());
}

TEST_CASE_FIXTURE(Fixture, "a trusted cache answers without the database") {
  Trust();
  REQUIRE(Ask().has_value());
  Server().Stop();
  const auto answer = Ask();
  const auto other = Ask(Sign(ClaimsOf(user)));
  clock.Advance(std::chrono::milliseconds(1001));
  const auto untrusted = Ask();
  Server().Start();
  CHECK(Must(answer).id == user.id);
  REQUIRE(!other.has_value());
  CHECK(other.error().kind == ErrorKind::kUnavailable);
  REQUIRE(!untrusted.has_value());
  CHECK(untrusted.error().kind == ErrorKind::kUnavailable);
}

TEST_CASE_FIXTURE(Fixture, "a cache that is not trusted asks the database every time") {
  REQUIRE(Ask().has_value());
  Revoke(claims.id);
  Refused(Ask());
}

TEST_CASE_FIXTURE(Fixture, "what is forgotten is asked for again, and nothing else") {
  const auto second = ClaimsOf(user);
  const std::string second_token = Sign(second);
  Trust();
  REQUIRE(Ask().has_value());
  REQUIRE(Ask(second_token).has_value());
  Revoke(claims.id);
  Revoke(second.id);
  CHECK(Ask().has_value());  // cached: this node does not know yet

  authenticator.ForgetToken(claims.id);
  Refused(Ask());
  CHECK(Ask(second_token).has_value());

  authenticator.ForgetUser(UserId{NewUuidV7(clock, random)});
  CHECK(Ask(second_token).has_value());
  authenticator.ForgetUser(UserId{user.id});
  Refused(Ask(second_token));
}

TEST_CASE_FIXTURE(Fixture, "forgetting everything forgets everyone") {
  Trust();
  REQUIRE(Ask().has_value());
  Revoke(claims.id);
  authenticator.ForgetAll();
  Refused(Ask());
}

TEST_CASE_FIXTURE(Fixture, "a cached token expires on time") {
  Trust();
  REQUIRE(Ask().has_value());
  clock.Advance(std::chrono::seconds(crypto::kMaxTokenLifetimeSeconds - 1));
  Trust();
  CHECK(Ask().has_value());
  clock.Advance(std::chrono::seconds(1));
  Trust();
  Refused(Ask());
}

TEST_CASE_FIXTURE(Fixture, "an answer that was on its way when its user was forgotten is not cached") {
  // A lock on the table holds the load until the revocation has been committed and forgotten.
  auto blocker = Connect("claviger_owner", name);
  auto transaction = Must(blocker->Begin());
  Must(blocker->Run(testing::Sql("LOCK TABLE revoked_tokens IN ACCESS EXCLUSIVE MODE"), {}));
  Trust();
  std::optional<Result<Principal>> first;
  std::thread asking([&] { first = Ask(); });
  auto observer = Connect("postgres", name);
  while (
      Must(observer->Run(testing::Sql("SELECT count(*) FROM pg_locks WHERE NOT granted"), {})).Int8(0, 0) ==
      0) {
    std::this_thread::yield();
  }
  authenticator.ForgetUser(UserId{user.id});
  Must(transaction.Commit());
  asking.join();
  CHECK(first->has_value());
  Revoke(claims.id);
  Refused(Ask());
}

TEST_CASE_FIXTURE(Fixture, "what is recalled is what was authenticated, and needs no database") {
  Trust();
  CHECK(!Recalls());
  const auto authenticated = Must(Ask());
  Server().Stop();
  const auto recalled = Recall(token);
  Server().Start();
  REQUIRE(recalled.has_value());
  CHECK(recalled->type == authenticated.type);
  CHECK(recalled->id == authenticated.id);
  CHECK(recalled->org == authenticated.org);
  CHECK(recalled->role == authenticated.role);
  CHECK(recalled->token == authenticated.token);
  CHECK(recalled->expires_at == authenticated.expires_at);
}

TEST_CASE_FIXTURE(Fixture, "a token is recalled by all of it, in one bearer credential") {
  Trust();
  REQUIRE(Ask().has_value());
  CHECK(!Recall(Sign(ClaimsOf(user))));
  CHECK(!Recall(token.substr(0, token.size() - 1)));
  CHECK(!Recall(token + "a"));
  CHECK(!Recall(""));
  http::Request request = WithToken(token);
  CHECK(authenticator.Recall(request).has_value());
  request.headers.push_back(request.headers.front());
  CHECK(!authenticator.Recall(request));
  CHECK(!authenticator.Recall(http::Request{}));
  request.headers = {{"authorization", "Basic " + token}};
  CHECK(!authenticator.Recall(request));
}

TEST_CASE_FIXTURE(Fixture, "nothing is recalled from a cache that is not trusted") {
  REQUIRE(Ask().has_value());
  CHECK(!Recalls());
  Trust();
  CHECK(Recalls());
  clock.Advance(std::chrono::milliseconds(999));
  CHECK(Recalls());
  clock.Advance(std::chrono::milliseconds(1));
  CHECK(!Recalls());
}

TEST_CASE_FIXTURE(Fixture, "a token is recalled until it expires") {
  Trust();
  REQUIRE(Ask().has_value());
  clock.Advance(std::chrono::seconds(crypto::kMaxTokenLifetimeSeconds - 1));
  Trust();
  CHECK(Recalls());
  clock.Advance(std::chrono::seconds(1));
  Trust();
  CHECK(!Recalls());
}

TEST_CASE_FIXTURE(Fixture, "what is forgotten is not recalled until it was authenticated again") {
  const auto second = ClaimsOf(user);
  const std::string second_token = Sign(second);
  Trust();
  const auto authenticate = [&] { return Ask().has_value() && Ask(second_token).has_value(); };
  REQUIRE(authenticate());
  authenticator.ForgetToken(claims.id);
  CHECK(!Recalls());
  CHECK(Recall(second_token).has_value());
  authenticator.ForgetUser(UserId{NewUuidV7(clock, random)});
  CHECK(Recall(second_token).has_value());
  authenticator.ForgetUser(UserId{user.id});
  CHECK(!Recall(second_token));

  REQUIRE(authenticate());
  CHECK(Recalls());
  authenticator.ForgetAll();
  CHECK(!Recalls());
  CHECK(!Recall(second_token));

  Revoke(claims.id);
  Refused(Ask());
  CHECK(!Recalls());
}

TEST_CASE_FIXTURE(Fixture, "the role that is recalled is the one the database said last") {
  REQUIRE(Ask().has_value());
  Sql("UPDATE users SET role = 'member' WHERE id = $1", {user.id});
  REQUIRE(Ask().has_value());
  Trust();
  const auto recalled = Recall(token);
  REQUIRE(recalled.has_value());
  CHECK(recalled->role == Role::kMember);
}

TEST_CASE_FIXTURE(Fixture, "a key is its owner, with the role of the database") {
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

TEST_CASE_FIXTURE(Fixture, "revoked, expired, unknown and misshapen keys are refused alike") {
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

TEST_CASE_FIXTURE(Fixture, "a trusted cache knows a key without database and HSM, until the key ends") {
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

TEST_CASE_FIXTURE(Fixture, "a forgotten key is asked for again, with the tokens that were given for it") {
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

TEST_CASE_FIXTURE(Fixture, "a token given for a key of somebody else is refused") {
  auto given = ClaimsOf(user);
  given.key = AddKey(AddUser()).id;
  Refused(Ask(Sign(given)));
}

TEST_CASE_FIXTURE(Fixture, "the use of a key is written once a minute, that of a token never") {
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

TEST_CASE_FIXTURE(Fixture, "an agent's key and its tokens are the agent, bound as the database says") {
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

TEST_CASE_FIXTURE(Fixture, "a binding that cannot be read is no freedom") {
  const auto made = AddAgent(user);
  for (const char* bad : {"", "{}", "[7]", "[\"x\"]", "null"}) {
    Sql("UPDATE agents SET vault_ids = $2 WHERE id = $1", {made.agent.id, bad});
    const auto answer = Ask(made.text);
    REQUIRE(!answer.has_value());
    CHECK(answer.error().kind == ErrorKind::kIntegrity);
  }
}

TEST_CASE_FIXTURE(Fixture, "deactivated, expired and unknown agents are refused with key and token alike") {
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

TEST_CASE_FIXTURE(Fixture, "a cached token ends with its agent") {
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

TEST_CASE_FIXTURE(Fixture,
                  "an agent's tokens from before its new key are dead, those of that very second live") {
  const auto made = AddAgent(user);
  auto given = ClaimsOf(made.agent);
  Sql("UPDATE agents SET tokens_valid_from = $2 WHERE id = $1",
      {made.agent.id, Time(std::chrono::seconds(given.issued_at + 1))});
  Refused(Ask(Sign(given)));
  given.issued_at += 1;
  CHECK(Ask(Sign(given)).has_value());
}

TEST_CASE_FIXTURE(Fixture, "agents are forgotten one by one and with their organisation") {
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

TEST_CASE_FIXTURE(Fixture, "the use of an agent's key is written") {
  const auto made = AddAgent(user);
  REQUIRE(Ask(made.text).has_value());
  Must(uses.WriteOnce());
  CHECK(Sql("SELECT last_active_at FROM agents WHERE id = $1", {made.agent.id}).Timestamp(0, 0) ==
        clock.Now());
}
