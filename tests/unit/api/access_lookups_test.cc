// Keys of people and agents while the installation moves to another lookup key.

#include <atomic>
#include <nlohmann/json.hpp>

#include "api/access/access_store.h"
#include "api/access/lookups_store.h"
#include "api/agents/agents.h"
#include "api/api_keys/api_keys.h"
#include "crypto/random.h"
#include "tests/unit/api/access_authenticator_fixture.h"

using namespace claviger;
using namespace claviger::api;
using namespace claviger::testing;

namespace {

struct Fixture : AuthenticatorFixture {
  // All of the row but what a move changes.
  std::string Rest(const char* table, const Uuid& id) {
    const std::string sql = "SELECT (to_jsonb(k) - 'mac' - 'lookup_version')::text FROM " +
                            std::string(table) + " k WHERE id = $1";
    return std::string(Sql(sql.c_str(), {id}).Text(0, 0));
  }
  int32_t Version(const char* table, const Uuid& id) {
    const std::string sql = "SELECT lookup_version FROM " + std::string(table) + " WHERE id = $1";
    return Sql(sql.c_str(), {id}).Int4(0, 0);
  }
  std::vector<lookups_store::UnderOlder> UnderOlder() {
    auto lease = Must(pool.Acquire());
    return Must(lookups_store::CountUnderOlder(*lease, 2, clock.Now()));
  }
  AuditDraft Draft() { return AuditDraft(http::Request{}, "test.action", "test"); }

  crypto::SystemRandom system_random;  // of several threads at once
  AuditLog audit{pool, clock, system_random, QuietLog(), 10};
  TokenIssuer tokens{kIssuer, keyring, clock, system_random};
  Agents agents{{pool, keyring, authenticator, tokens, audit, clock, system_random}};
  Mail mail{{}, {keyring, pool, clock, system_random}};
  ApiKeys api_keys{{pool, keyring, authenticator, tokens, mail, audit, clock, system_random}};
};

struct Shown {
  const char* table;
  Uuid id;
  std::string text;
};

}  // namespace

TEST_CASE_FIXTURE(Fixture,
                  "a key that is shown moves to the newest lookup key, and nothing else of it does") {
  const auto key = AddKey(user, clock.Now() + std::chrono::hours(1));
  const auto agent = AddAgent(user);
  Sql("UPDATE api_keys SET last_used_at = created_at");
  Sql("UPDATE agents SET last_active_at = created_at, vault_ids = '[]', scopes = '[\"db/*\"]'");
  keyring.RotateLookupKey();
  for (const auto& [table, id, text] :
       {Shown{"api_keys", key.id.uuid, key.text}, Shown{"agents", agent.agent.id, agent.text}}) {
    CAPTURE(table);
    const std::string rest = Rest(table, id);
    CHECK(Version(table, id) == 1);
    const auto before = Must(Ask(text));
    CHECK(before.org == user.org);
    CHECK(Version(table, id) == 2);
    CHECK(Rest(table, id) == rest);
    CHECK(Must(Ask(text)).id == before.id);
    CHECK(Rest(table, id) == rest);
  }
  keyring.DropOlderLookupKey();
  CHECK(Must(Ask(key.text)).key == key.id);
  CHECK(Must(Ask(agent.text)).id == agent.agent.id);
}

TEST_CASE_FIXTURE(Fixture,
                  "a key that nobody shows dies with the older lookup key, and one that is new does not") {
  const auto old_key = AddKey(user);
  const auto old_agent = AddAgent(user);
  keyring.RotateLookupKey();
  const auto new_key = AddKey(user);
  const auto new_agent = AddAgent(user);
  for (const auto& text : {new_key.text, new_agent.text}) CHECK(Ask(text).has_value());
  Refused(Ask(crypto::NewCredential(kApiKeyPrefix, random).Text()));
  Refused(Ask(crypto::NewCredential(kAgentKeyPrefix, random).Text()));
  keyring.DropOlderLookupKey();
  for (const auto& text : {new_key.text, new_agent.text}) CHECK(Ask(text).has_value());
  for (const auto& text : {old_key.text, old_agent.text}) Refused(Ask(text));
}

TEST_CASE_FIXTURE(Fixture, "what is refused neither moves nor comes back") {
  const auto revoked = AddKey(user), expired = AddKey(user, clock.Now());
  const auto agent = AddAgent(user);
  Sql("UPDATE api_keys SET is_active = false WHERE id = $1", {revoked.id});
  Sql("UPDATE agents SET is_active = false");
  keyring.RotateLookupKey();
  for (int time = 0; time < 2; ++time) {
    for (const auto& text : {revoked.text, expired.text, agent.text}) Refused(Ask(text));
  }
  CHECK(Count("SELECT count(*) FROM api_keys WHERE lookup_version = 1") == 2);
  CHECK(Count("SELECT count(*) FROM agents WHERE lookup_version = 1") == 1);
}

TEST_CASE_FIXTURE(Fixture, "all who show a key at once are let in, and it moves once") {
  const auto key = AddKey(user);
  const auto agent = AddAgent(user);
  keyring.RotateLookupKey();
  std::atomic<int> admitted{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int time = 0; time < 8; ++time) {
        admitted += Ask(key.text).has_value() ? 1 : 0;
        admitted += Ask(agent.text).has_value() ? 1 : 0;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(admitted == 128);
  CHECK(Version("api_keys", key.id.uuid) == 2);
  CHECK(Version("agents", agent.agent.id) == 2);
}

TEST_CASE_FIXTURE(Fixture, "a move waits for nobody, and a revocation under way stays one") {
  const auto key = AddKey(user);
  const auto agent = AddAgent(user);
  keyring.RotateLookupKey();
  auto other = Connect("claviger_owner", name);
  auto revocation = Must(other->Begin());
  Must(other->Run(testing::Sql("UPDATE api_keys SET is_active = false WHERE id = $1"), {key.id}));
  Must(other->Run(testing::Sql("UPDATE agents SET is_active = false WHERE id = $1"), {agent.agent.id}));
  CHECK(Ask(key.text).has_value());  // not revoked yet
  CHECK(Ask(agent.text).has_value());
  Must(revocation.Commit());
  Refused(Ask(key.text));
  Refused(Ask(agent.text));
  CHECK(Version("api_keys", key.id.uuid) == 1);
  CHECK(Version("agents", agent.agent.id) == 1);
}

TEST_CASE_FIXTURE(Fixture, "only the key that was read moves, and never back") {
  const auto key = AddKey(user);
  const auto agent = AddAgent(user);
  auto runtime = Must(pool.Acquire());
  for (const bool of_agent : {false, true}) {
    CAPTURE(of_agent);
    const char* sql =
        of_agent ? "SELECT move_agent_key($1, $2, $3, $4, $5)" : "SELECT move_api_key($1, $2, $3, $4, $5)";
    const Uuid id = of_agent ? agent.agent.id : key.id.uuid;
    const auto move = [&](const Bytes& before, uint8_t after, int32_t version) {
      return Must(runtime->Run(testing::Sql(sql), {user.org, id, before, Bytes(32, after), version}))
          .Bool(0, 0);
    };
    const auto stored = Must(crypto::CredentialMac(keyring, of_agent ? kAgentKeyPurpose : kApiKeyPurpose,
                                                   of_agent ? agent.text : key.text))
                            .bytes;
    CHECK_FALSE(move(stored, 1, 1));        // no newer version
    CHECK_FALSE(move(Bytes(32, 9), 1, 2));  // another than is there
    CHECK(move(stored, 1, 3));
    CHECK_FALSE(move(Bytes(32, 1), 2, 2));  // back
    CHECK_FALSE(move(stored, 2, 4));
    CHECK(Version(of_agent ? "agents" : "api_keys", id) == 3);
  }
}

TEST_CASE_FIXTURE(
    Fixture,
    "a node that does not use the newest lookup key yet finds what others moved, and moves nothing") {
  const auto key = AddKey(user);
  const auto agent = AddAgent(user);
  keyring.RotateLookupKey();
  auto lease = Must(pool.Acquire());
  const auto both_let_in = [&] {
    auto of_key = Must(crypto::CredentialMacs(keyring, kApiKeyPurpose, key.text));
    auto of_agent = Must(crypto::CredentialMacs(keyring, kAgentKeyPurpose, agent.text));
    for (auto* macs : {&of_key, &of_agent}) std::swap(macs->newest, *macs->other);
    CHECK(Must(access_store::LoadApiKeyOwner(*lease, of_key, clock.Now())).key == key.id);
    CHECK(Must(access_store::LoadAgent(*lease, of_agent, clock.Now())).id == agent.agent.id);
  };
  both_let_in();
  CHECK(Version("api_keys", key.id.uuid) == 1);
  CHECK(Version("agents", agent.agent.id) == 1);
  REQUIRE(Ask(key.text).has_value());
  REQUIRE(Ask(agent.text).has_value());
  both_let_in();
  CHECK(Version("api_keys", key.id.uuid) == 2);
  CHECK(Version("agents", agent.agent.id) == 2);
}

TEST_CASE_FIXTURE(Fixture, "an agent's new key kills the old one, under whichever lookup key that lies") {
  const auto made = AddAgent(user);
  const AgentId id{made.agent.id};
  keyring.RotateLookupKey();
  auto draft = Draft();
  const auto rotated = Must(agents.RotateKey(user, id, draft));
  CHECK(Version("agents", made.agent.id) == 2);
  Refused(Ask(made.text));
  CHECK(Must(Ask(rotated.key.Text())).id == made.agent.id);
  keyring.DropOlderLookupKey();
  CHECK(Must(Ask(rotated.key.Text())).id == made.agent.id);
}

TEST_CASE_FIXTURE(Fixture, "keys are exchanged for tokens under either lookup key") {
  const auto key = AddKey(user);
  const auto agent = AddAgent(user);
  // As one whom a cache knows: it is not moved before it is looked up a second time.
  Trust();
  REQUIRE(Ask(agent.text).has_value());
  keyring.RotateLookupKey();
  const auto exchange_agent = [&](const std::string& text) {
    auto draft = Draft();
    return agents.Exchange({std::nullopt, SecretBytes(std::string_view(text))}, draft);
  };
  CHECK(Must(exchange_agent(agent.text)).agent.id == AgentId{agent.agent.id});
  CHECK(Version("agents", agent.agent.id) == 1);
  auto draft = Draft();
  CHECK(api_keys.Exchange(SecretBytes(std::string_view(key.text)), draft).has_value());
  CHECK(Version("api_keys", key.id.uuid) == 2);
  CHECK_FALSE(exchange_agent(std::string(crypto::NewCredential(kAgentKeyPrefix, random).Text())).has_value());
}

TEST_CASE_FIXTURE(Fixture, "what is made during a move is made under the newest lookup key") {
  keyring.RotateLookupKey();
  auto draft = Draft();
  CreateApiKeyRequest request;
  request.name = "key";
  const auto key = Must(api_keys.Create(user, std::move(request), http::PeerAddress("192.0.2.1"), draft));
  CHECK(Version("api_keys", key.key.id.uuid) == 2);
  auto draft_of_agent = Draft();
  CreateAgentRequest agent;
  agent.settings.name = "agent";
  const auto made = Must(agents.Create(user, std::move(agent), draft_of_agent));
  CHECK(Version("agents", made.agent.id.uuid) == 2);
  CHECK(UnderOlder().empty());
  keyring.DropOlderLookupKey();
  CHECK(Ask(key.text.Text()).has_value());
  CHECK(Ask(made.key.Text()).has_value());
}

TEST_CASE_FIXTURE(Fixture,
                  "with one lookup key a key costs one MAC and stays as it is; of two each costs one") {
  const auto key = AddKey(user);
  int asked = keyring.Macs();
  REQUIRE(Ask(key.text).has_value());
  CHECK(keyring.Macs() == asked + 1);
  keyring.RotateLookupKey();
  for (int time = 0; time < 2; ++time) {
    asked = keyring.Macs();
    REQUIRE(Ask(key.text).has_value());
    CHECK(keyring.Macs() == asked + 2);
  }
}

TEST_CASE_FIXTURE(Fixture, "live keys under the older lookup key are counted until they have moved") {
  const auto key = AddKey(user), second = AddKey(user, clock.Now() + std::chrono::hours(1));
  const auto agent = AddAgent(user);
  const auto dead = AddKey(user), expired = AddKey(user, clock.Now());
  const auto idle = AddAgent(user);
  Sql("UPDATE api_keys SET is_active = false WHERE id = $1", {dead.id});
  Sql("UPDATE agents SET is_active = false WHERE id = $1", {idle.agent.id});
  keyring.RotateLookupKey();
  AddKey(user);
  auto counts = UnderOlder();
  REQUIRE(counts.size() == 2);
  CHECK(counts[0].kind == "API keys");
  CHECK(counts[0].count == 2);
  CHECK(counts[1].kind == "agent keys");
  CHECK(counts[1].count == 1);
  REQUIRE(Ask(key.text).has_value());
  CHECK(UnderOlder()[0].count == 1);
  REQUIRE(Ask(second.text).has_value());
  REQUIRE(Ask(agent.text).has_value());
  CHECK(UnderOlder().empty());
}
