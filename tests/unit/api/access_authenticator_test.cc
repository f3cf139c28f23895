#include "tests/unit/api/access_authenticator_fixture.h"

using namespace claviger;
using namespace claviger::api;
using namespace claviger::testing;

TEST_CASE_FIXTURE(AuthenticatorFixture, "a token is its user, with the role of the database") {
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

TEST_CASE_FIXTURE(AuthenticatorFixture, "only one bearer credential in the Authorization header counts") {
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

TEST_CASE_FIXTURE(AuthenticatorFixture,
                  "revoked tokens and those of unknown or foreign subjects are refused alike") {
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

TEST_CASE_FIXTURE(AuthenticatorFixture,
                  "a token issued before tokens_valid_from is dead, one of that very second lives") {
  Sql("UPDATE users SET tokens_valid_from = $2 WHERE id = $1",
      {user.id, Time(std::chrono::seconds(claims.issued_at + 1))});
  Refused(Ask());
  auto next = ClaimsOf(user);
  next.issued_at = claims.issued_at + 1;
  CHECK(Ask(Sign(next)).has_value());
}

TEST_CASE_FIXTURE(AuthenticatorFixture, "a trusted cache answers without the database") {
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

TEST_CASE_FIXTURE(AuthenticatorFixture, "a cache that is not trusted asks the database every time") {
  REQUIRE(Ask().has_value());
  Revoke(claims.id);
  Refused(Ask());
}

TEST_CASE_FIXTURE(AuthenticatorFixture, "what is forgotten is asked for again, and nothing else") {
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

TEST_CASE_FIXTURE(AuthenticatorFixture, "forgetting everything forgets everyone") {
  Trust();
  REQUIRE(Ask().has_value());
  Revoke(claims.id);
  authenticator.ForgetAll();
  Refused(Ask());
}

TEST_CASE_FIXTURE(AuthenticatorFixture, "a cached token expires on time") {
  Trust();
  REQUIRE(Ask().has_value());
  clock.Advance(std::chrono::seconds(crypto::kMaxTokenLifetimeSeconds - 1));
  Trust();
  CHECK(Ask().has_value());
  clock.Advance(std::chrono::seconds(1));
  Trust();
  Refused(Ask());
}

TEST_CASE_FIXTURE(AuthenticatorFixture,
                  "an answer that was on its way when its user was forgotten is not cached") {
  // A lock on the table holds the load until the revocation has been committed and forgotten.
  auto blocker = Connect("claviger_owner", name);
  auto transaction = Must(blocker->Begin());
  Must(blocker->Run(testing::Sql("LOCK TABLE revoked_tokens IN ACCESS EXCLUSIVE MODE"), {}));
  Trust();
  std::optional<Result<Principal>> first;
  std::thread asking([&] { first = Ask(); });
  AwaitBlocked();
  authenticator.ForgetUser(UserId{user.id});
  Must(transaction.Commit());
  asking.join();
  CHECK(first->has_value());
  Revoke(claims.id);
  Refused(Ask());
}

TEST_CASE_FIXTURE(AuthenticatorFixture, "what is recalled is what was authenticated, and needs no database") {
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

TEST_CASE_FIXTURE(AuthenticatorFixture, "a token is recalled by all of it, in one bearer credential") {
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

TEST_CASE_FIXTURE(AuthenticatorFixture, "nothing is recalled from a cache that is not trusted") {
  REQUIRE(Ask().has_value());
  CHECK(!Recalls());
  Trust();
  CHECK(Recalls());
  clock.Advance(std::chrono::milliseconds(999));
  CHECK(Recalls());
  clock.Advance(std::chrono::milliseconds(1));
  CHECK(!Recalls());
}

TEST_CASE_FIXTURE(AuthenticatorFixture, "a token is recalled until it expires") {
  Trust();
  REQUIRE(Ask().has_value());
  clock.Advance(std::chrono::seconds(crypto::kMaxTokenLifetimeSeconds - 1));
  Trust();
  CHECK(Recalls());
  clock.Advance(std::chrono::seconds(1));
  Trust();
  CHECK(!Recalls());
}

TEST_CASE_FIXTURE(AuthenticatorFixture,
                  "what is forgotten is not recalled until it was authenticated again") {
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

TEST_CASE_FIXTURE(AuthenticatorFixture, "the role that is recalled is the one the database said last") {
  REQUIRE(Ask().has_value());
  Sql("UPDATE users SET role = 'member' WHERE id = $1", {user.id});
  REQUIRE(Ask().has_value());
  Trust();
  const auto recalled = Recall(token);
  REQUIRE(recalled.has_value());
  CHECK(recalled->role == Role::kMember);
}
