#include <thread>

#include "api/ip_rules/ip_gate.h"
#include "tests/unit/api/access_database.h"

using namespace claviger;
using namespace claviger::api;
using namespace claviger::testing;

namespace {

struct Fixture : Database {
  void AddRule(const char* type, const char* cidr, const char* applies_to = "all") {
    Sql("INSERT INTO ip_rules VALUES ($1, $2, $3, $4, '', $5, $6, now())",
        {user.org, NewUuidV7(clock, random), type, cidr, applies_to, user.id});
  }
  void Trust() { gate.TrustUntil(clock.Steady() + std::chrono::seconds(1)); }
  bool Passes() { return Must(gate.Admits(user, client)); }

  IpGate gate{pool, clock};
  Principal user = AddUser();
  http::ClientAddress client = http::PeerAddress("192.0.2.7");
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "the rules of the caller's organisation decide, and no others") {
  CHECK(Passes());
  AddRule("deny", "192.0.2.0/24");
  CHECK_FALSE(Passes());
  CHECK(Must(gate.Admits(AddUser(), client)));
  user.type = PrincipalType::kAgent;
  CHECK_FALSE(Passes());
}

TEST_CASE_FIXTURE(Fixture, "a cache that is not trusted knows nothing and asks the database every time") {
  CHECK(Passes());
  CHECK_FALSE(gate.Recall(user, client));
  AddRule("deny", "192.0.2.7");
  CHECK_FALSE(Passes());
}

TEST_CASE_FIXTURE(Fixture,
                  "a trusted cache answers without the database, also of an organisation without rules") {
  Trust();
  CHECK_FALSE(gate.Recall(user, client));  // never asked before
  REQUIRE(Passes());
  Server().Stop();
  const auto known = gate.Admits(user, client);
  const auto recalled = gate.Recall(user, client);
  Principal stranger = user;
  stranger.org = OrgId{NewUuidV7(clock, random)};
  const auto unknown = gate.Admits(stranger, client);
  clock.Advance(std::chrono::milliseconds(1001));
  const auto stale = gate.Admits(user, client);
  const auto stale_recalled = gate.Recall(user, client);
  Server().Start();
  CHECK(Must(known));
  CHECK(recalled == true);
  REQUIRE(!unknown);
  CHECK(unknown.error().kind == ErrorKind::kUnavailable);
  REQUIRE(!stale);
  CHECK(stale.error().kind == ErrorKind::kUnavailable);
  CHECK_FALSE(stale_recalled);
}

TEST_CASE_FIXTURE(Fixture, "a change of the organisation is forgotten by its kind alone") {
  Trust();
  REQUIRE(Passes());
  AddRule("deny", "192.0.2.7");
  for (const char* kind : {"user", "token", "key", "agent"}) gate.Forget(kind, user.org.uuid);
  gate.Forget("org", AddUser().org.uuid);
  CHECK(gate.Recall(user, client) == true);  // this node does not know yet
  gate.Forget("org", user.org.uuid);
  CHECK_FALSE(gate.Recall(user, client));
  CHECK_FALSE(Passes());
  CHECK(gate.Recall(user, client) == false);
  gate.ForgetAll();
  CHECK_FALSE(gate.Recall(user, client));
}

TEST_CASE_FIXTURE(Fixture, "another node's rule is seen at the next poll") {
  ChangeFeed feed{config, {&gate}, clock, QuietLog()};
  Must(feed.PollOnce());
  REQUIRE(Passes());
  AddRule("allow", "198.51.100.0/24");
  Must(Connect("claviger_app", name)->Run(ChangeCall("org", user.org.uuid)));
  CHECK(Passes());
  Must(feed.PollOnce());
  CHECK_FALSE(Passes());
}

TEST_CASE_FIXTURE(Fixture, "a stored rule that is none lets nobody pass") {
  Sql("ALTER TABLE ip_rules DROP CONSTRAINT IF EXISTS ip_rules_rule_type_check");
  AddRule("perhaps", "192.0.2.7");
  const auto answer = gate.Admits(user, client);
  Sql("DELETE FROM ip_rules");
  Sql("ALTER TABLE ip_rules ADD CONSTRAINT ip_rules_rule_type_check CHECK (rule_type IN ('allow', 'deny', "
      "'block'))");
  REQUIRE(!answer);
  CHECK(answer.error().kind == ErrorKind::kIntegrity);
}

TEST_CASE_FIXTURE(Fixture, "rules that were on their way when they were forgotten are not cached") {
  // A lock on the table holds the load until the organisation has been forgotten.
  auto blocker = Connect("claviger_owner", name);
  auto transaction = Must(blocker->Begin());
  Must(blocker->Run(testing::Sql("LOCK TABLE ip_rules IN ACCESS EXCLUSIVE MODE"), {}));
  Trust();
  std::optional<Result<bool>> first;
  std::thread asking([&] { first = gate.Admits(user, client); });
  AwaitBlocked();
  gate.ForgetOrg(user.org);
  Must(transaction.Commit());
  asking.join();
  CHECK(Must(*first));
  CHECK_FALSE(gate.Recall(user, client));
  AddRule("deny", "192.0.2.7");
  CHECK_FALSE(Passes());
}
