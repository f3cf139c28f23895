#include <thread>

#include "api/policies/policy_book.h"
#include "tests/unit/api/access_database.h"

using namespace claviger;
using namespace claviger::api;
using namespace claviger::testing;

namespace {

struct Fixture : Database {
  Fixture() { AddVault(vault); }
  void AddVault(const VaultFacts& facts) {
    Sql("INSERT INTO vaults VALUES ($1, $2, $3, '', 'user', $4, 1, now())",
        {facts.org, facts.id, facts.id.ToString(), facts.created_by});
  }
  void Trust() { book.TrustUntil(clock.Steady() + std::chrono::seconds(1)); }
  static bool Allow(const PolicyBook::Entry& policies, const Principal& who, const char* path) {
    return policies && policies->Allow(who, {std::nullopt, Time{}}, Permission::kRead, path);
  }
  bool Allows(const char* path) { return Allow(Must(book.For(agent, vault)), agent, path); }

  PolicyBook book{pool, clock};
  Principal owner = AddUser();
  Principal agent = AddAgent(owner).agent;
  VaultFacts vault{owner.org, VaultId{NewUuidV7(clock, random)}, PrincipalType::kUser, owner.id};
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "the policies of the vault decide, and no others") {
  CHECK_FALSE(Allows("a"));
  AddPolicy(vault.id, agent, "a");
  VaultFacts other = vault;
  other.id = VaultId{NewUuidV7(clock, random)};
  AddVault(other);
  AddPolicy(other.id, agent, "b");
  CHECK(Allows("a"));
  CHECK_FALSE(Allows("b"));
  VaultFacts foreign = vault;
  foreign.org = AddUser().org;
  CHECK_FALSE(Must(book.For(agent, foreign)));
}

TEST_CASE_FIXTURE(Fixture, "a book that is not trusted knows nothing and asks the database every time") {
  CHECK_FALSE(Allows("a"));
  CHECK_FALSE(book.Recall(agent, vault));
  AddPolicy(vault.id, agent, "a");
  CHECK(Allows("a"));
}

TEST_CASE_FIXTURE(Fixture, "for the creator of a vault nothing is looked up") {
  AddPolicy(vault.id, owner, "a");
  REQUIRE(book.Recall(owner, vault));
  CHECK_FALSE(*book.Recall(owner, vault));
  CHECK_FALSE(Must(book.For(owner, vault)));
}

TEST_CASE_FIXTURE(Fixture, "a trusted book answers without the database, also for a vault without policies") {
  Trust();
  CHECK_FALSE(book.Recall(agent, vault));  // never asked before
  REQUIRE_FALSE(Allows("a"));
  Server().Stop();
  const auto known = book.For(agent, vault);
  const auto recalled = book.Recall(agent, vault);
  VaultFacts other = vault;
  other.id = VaultId{NewUuidV7(clock, random)};
  const auto unknown = book.For(agent, other);
  clock.Advance(std::chrono::milliseconds(1001));
  const auto stale = book.For(agent, vault);
  const auto stale_recalled = book.Recall(agent, vault);
  Server().Start();
  CHECK_FALSE(Must(known));
  CHECK(recalled);
  REQUIRE(!unknown);
  CHECK(unknown.error().kind == ErrorKind::kUnavailable);
  REQUIRE(!stale);
  CHECK(stale.error().kind == ErrorKind::kUnavailable);
  CHECK_FALSE(stale_recalled);
}

TEST_CASE_FIXTURE(Fixture, "a change of the vault's policies is forgotten by its kind alone") {
  Trust();
  REQUIRE_FALSE(Allows("a"));
  AddPolicy(vault.id, agent, "a");
  for (const char* kind : {"user", "token", "key", "agent", "org"}) book.Forget(kind, vault.id.uuid);
  book.Forget("policy", NewUuidV7(clock, random));
  CHECK_FALSE(Allows("a"));  // this node does not know yet
  book.Forget("policy", vault.id.uuid);
  CHECK_FALSE(book.Recall(agent, vault));
  CHECK(Allows("a"));
  CHECK(Allow(book.Recall(agent, vault).value(), agent, "a"));
  book.ForgetAll();
  CHECK_FALSE(book.Recall(agent, vault));
}

TEST_CASE_FIXTURE(Fixture, "what was loaded while a change was on its way is not kept") {
  Trust();
  auto blocker = Connect("claviger_owner", name);
  auto transaction = Must(blocker->Begin());
  Must(blocker->Run(testing::Sql("LOCK TABLE policies IN ACCESS EXCLUSIVE MODE"), {}));
  std::thread asker([&] { CHECK_FALSE(Must(book.For(agent, vault))); });
  AwaitBlocked();
  book.Forget("policy", vault.id.uuid);
  Must(transaction.Commit());
  asker.join();
  CHECK_FALSE(book.Recall(agent, vault));
}

TEST_CASE_FIXTURE(Fixture, "policies that were tampered with allow nobody anything") {
  AddPolicy(vault.id, agent, "a");
  AddPolicy(vault.id, agent, "b", "{\"ip_allow_list\":[]}");
  const auto policies = book.For(agent, vault);
  REQUIRE(!policies);
  CHECK(policies.error().kind == ErrorKind::kIntegrity);
}
