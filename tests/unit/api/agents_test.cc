#include "api/agents/agents.h"

#include <thread>

#include "crypto/random.h"
#include "tests/unit/api/access_database.h"

using namespace claviger;
using namespace claviger::api;
using namespace claviger::testing;
using namespace std::chrono_literals;

namespace {

struct Fixture : Database {
  AuditDraft Draft() { return AuditDraft(http::Request{}, "test.action", "test"); }
  Result<Agents::WithKey> Create(const Principal& creator) {
    auto draft = Draft();
    CreateAgentRequest request;
    request.settings.name = "agent";
    return agents.Create(creator, std::move(request), draft);
  }
  // So many further agents of the organisation that has this one.
  void Fill(const AgentKey& like, int64_t count) {
    Sql("INSERT INTO agents (org_id, id, name, description, auth_method, oidc_issuer, oidc_client_id, "
        "tokens_valid_from, scopes, vault_ids, is_active, intents_api_enabled, tx_to_allowlist, "
        "tx_allowed_chains, ssh_public_key, ecdh_public_key, created_at) "
        "SELECT org_id, gen_random_uuid(), 'many', '', 'oidc_client_credentials', 'i', 'c', now(), '[]', "
        "'[]', true, false, '[]', '[]', ssh_public_key, ecdh_public_key, now() "
        "FROM agents, generate_series(1, $2) WHERE id = $1",
        {like.agent.id, count});
  }

  crypto::SystemRandom random;  // of several threads at once
  crypto::TokenVerifier verifier = Verifier();
  KeyUses uses{pool, clock, QuietLog()};
  Authenticator authenticator{pool, clock, verifier, keyring, uses};
  AuditLog audit{pool, clock, random, QuietLog(), 10};
  TokenIssuer tokens{kIssuer, keyring, clock, random};
  Agents agents{{pool, keyring, authenticator, tokens, audit, clock, random}};
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "however many make agents at once, there are never more than the most") {
  const auto owner = AddUser();
  Fill(AddAgent(owner), kMaxAgents - 4);
  std::atomic<int> made{0}, refused{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      const auto created = Create(owner);
      if (created.has_value()) ++made;
      if (!created.has_value() && created.error().kind == ErrorKind::kConflict) ++refused;
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(made == 3);
  CHECK(refused == 5);
  CHECK(Count("SELECT count(*) FROM agents") == kMaxAgents);
  // One vault for all, and two identity keys for each.
  CHECK(Count("SELECT count(*) FROM vaults") == 1);
  CHECK(Count("SELECT count(*) FROM secrets") == 6);
}

TEST_CASE_FIXTURE(Fixture, "first agents that are made at once share one vault of keys") {
  const auto owner = AddUser();
  std::atomic<int> made{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] { made += Create(owner).has_value() ? 1 : 0; });
  }
  for (auto& thread : threads) thread.join();
  CHECK(made == 8);
  CHECK(Count("SELECT count(*) FROM vaults") == 1);
  CHECK(Count("SELECT count(*) FROM secrets") == 16);
}

TEST_CASE_FIXTURE(Fixture, "who is gone makes no agent") {
  const auto owner = AddUser();
  Sql("DELETE FROM orgs WHERE id = $1", {owner.org});
  const auto created = Create(owner);
  REQUIRE(!created.has_value());
  CHECK(created.error().kind == ErrorKind::kUnauthenticated);
}
