#include "api/access/change_feed.h"
#include "tests/unit/api/secrets_fixture.h"

using namespace claviger;
using namespace claviger::api;
using namespace claviger::testing;

namespace {

struct Fixture : Database {
  Fixture() : user(AddUser()), claims(ClaimsOf(user)), token(Sign(claims)) {}

  bool Knows() { return authenticator.Authenticate(WithToken(token)).has_value(); }
  void Revoke(schema::Connection& connection) {
    Must(connection.Run(testing::Sql("INSERT INTO revoked_tokens VALUES ($1, $2, $3)"),
                        {user.org, claims.id, clock.Now() + std::chrono::minutes(15)}));
    Must(connection.Run(ChangeCall("token", claims.id.uuid)));
  }

  crypto::TokenVerifier verifier = Verifier();
  KeyUses uses{pool, clock, QuietLog()};
  Authenticator authenticator{pool, clock, verifier, keyring, uses};
  ChangeFeed feed{config, {&authenticator}, clock, QuietLog()};
  Principal user;
  crypto::TokenClaims claims;
  std::string token;
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "another node's revocation is seen at the next poll") {
  Must(feed.PollOnce());
  REQUIRE(Knows());
  auto elsewhere = Connect("claviger_app", name);
  Revoke(*elsewhere);
  CHECK(Knows());
  Must(feed.PollOnce());
  CHECK(!Knows());
}

TEST_CASE_FIXTURE(Fixture, "another node's change of a user is seen at the next poll") {
  Must(feed.PollOnce());
  REQUIRE(Knows());
  Sql("DELETE FROM users WHERE id = $1", {user.id});
  Must(Connect("claviger_app", name)->Run(ChangeCall("user", user.id)));
  Must(feed.PollOnce());
  CHECK(!Knows());
}

TEST_CASE_FIXTURE(Fixture, "a change that commits after later ones were read is not missed") {
  Must(feed.PollOnce());
  REQUIRE(Knows());
  auto slow = Connect("claviger_app", name);
  auto transaction = Must(slow->Begin());
  Revoke(*slow);
  for (int i = 0; i < 3; ++i) {
    Must(Connect("claviger_app", name)->Run(ChangeCall("user", NewUuidV7(clock, random))));
    Must(feed.PollOnce());
    CHECK(Knows());
  }
  Must(transaction.Commit());
  Must(feed.PollOnce());
  CHECK(!Knows());
}

TEST_CASE_FIXTURE(Fixture, "a poll vouches for the cache for one second from its start") {
  Must(feed.PollOnce());
  REQUIRE(Knows());
  Sql("DELETE FROM users WHERE id = $1", {user.id});  // without telling anyone
  clock.Advance(std::chrono::milliseconds(999));
  CHECK(Knows());
  clock.Advance(std::chrono::milliseconds(1));
  CHECK(!Knows());
}

TEST_CASE_FIXTURE(Fixture, "what was cached before the first poll is not believed") {
  REQUIRE(Knows());
  Sql("DELETE FROM users WHERE id = $1", {user.id});
  Must(feed.PollOnce());
  CHECK(!Knows());
}

TEST_CASE_FIXTURE(Fixture, "a feed without a database fails, and catches up when it is back") {
  Must(feed.PollOnce());
  REQUIRE(Knows());
  Server().Stop();
  const auto polled = feed.PollOnce();
  Server().Start();
  REQUIRE(!polled.has_value());
  CHECK(polled.error().kind == ErrorKind::kUnavailable);
  Revoke(*Connect("claviger_app", name));
  CHECK(Knows());
  Must(feed.PollOnce());
  CHECK(!Knows());
}

TEST_CASE_FIXTURE(Fixture,
                  "a change is applied once, however long its transaction id stays above the horizon") {
  Must(feed.PollOnce());
  auto old = Connect("claviger_app", name);
  auto transaction = Must(old->Begin());
  Must(old->Run(testing::Sql("SELECT pg_current_xact_id()::text"), {}));  // holds the horizon back
  Must(Connect("claviger_app", name)->Run(ChangeCall("user", user.id)));
  Must(feed.PollOnce());
  REQUIRE(Knows());
  Sql("DELETE FROM users WHERE id = $1", {user.id});  // without telling anyone
  Must(feed.PollOnce());
  CHECK(Knows());
}

TEST_CASE_FIXTURE(Fixture, "a running feed keeps the cache trusted and applies changes") {
  ChangeFeed running(config, {&authenticator}, clock, QuietLog());
  REQUIRE(Knows());
  running.Start();
  auto elsewhere = Connect("claviger_app", name);
  Revoke(*elsewhere);
  while (Knows()) std::this_thread::yield();
}

TEST_CASE_FIXTURE(SecretsFixture, "a running feed removes shares that ended a week ago, and no others") {
  const SecretId secret = Must(Put(alice, "a")).id;
  for (const char* ended : {"8 days", "6 days", "-1 days"}) {
    Sql("INSERT INTO shares (org_id, id, secret_id, by_user, recipient_type, passphrase_hash, ip_allowlist, "
        "created_at, expires_at, max_access_count, lookup) VALUES ($1, $2, $3, $4, 'anyone_with_link', '', "
        "'[]', $5, $5 - $6::text::interval, 0, sha256($6::text::bytea))",
        {alice.org, NewUuidV7(clock, random), secret, alice.id, clock.Now(), ended});
  }
  ChangeFeed running(config, {}, clock, QuietLog());
  running.Start();
  while (Count("SELECT count(*) FROM shares") == 3) std::this_thread::yield();
  CHECK(Count("SELECT count(*) FROM shares WHERE expires_at < $1", {clock.Now()}) == 1);
  CHECK(Count("SELECT count(*) FROM shares") == 2);
}
