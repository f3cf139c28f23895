#pragma once
// A migrated and empty database, and what makes people and tokens in it.

#include <thread>

#include "api/access/authenticator.h"
#include "api/audit/audit_log.h"
#include "crypto/credential.h"
#include "schema/migrate.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_keyring.h"
#include "tests/fakes/fake_random.h"
#include "tests/schema/server.h"

namespace claviger::testing {

inline constexpr const char* kIssuer = "claviger-test";

struct Database {
  // One database for all tests of the program, emptied for each.
  Database() {
    static const bool made = [this] {
      Server().CreateDatabase(name);
      Must(schema::Migrate(*Connect("claviger_owner", name), schema::BuiltInMigrations()));
      return true;
    }();
    static_cast<void>(made);
    Sql("TRUNCATE orgs, users, revoked_tokens, change_log, ip_rules, api_keys, agents, vaults, vault_keks, "
        "secrets, "
        "secret_versions, policies, shares, "
        "rotations, vault_customer_keys, audit_events, audit_exports, "
        "audit_pending, audit_links, audit_leaves, audit_checkpoints, totp_factors, recovery_codes, "
        "device_codes, page_sessions, refresh_families, refresh_tokens, "
        "mfa_challenges, outbox, enrollments, pending_signups, invitations, guess_budgets, "
        "familiar_addresses, system_keks, root_rotations CASCADE");
    AddSystemKek(system_kek);
  }

  // Runs one statement as the owner of the tables; for what the runtime role may not.
  schema::Rows Sql(const char* sql, std::initializer_list<schema::Param> params = {}) {
    auto owner = Must(schema::Connection::Open(Patient(Server().Config("claviger_owner", name)), QuietLog()));
    return Must(owner->Run(testing::Sql(sql), params));
  }
  int64_t Count(const char* sql, std::initializer_list<schema::Param> params = {}) {
    return Sql(sql, params).Int8(0, 0);
  }

  // Until a statement waits for a lock that another transaction holds.
  void AwaitBlocked() {
    auto observer = Connect("postgres", name);
    const auto waiting = testing::Sql("SELECT 1 FROM pg_locks WHERE NOT granted");
    while (Must(observer->Run(waiting, {})).empty()) std::this_thread::yield();
  }

  // Under which the installation's own records are sealed from now on.
  void AddSystemKek(const crypto::WrappedKek& kek) {
    Sql("INSERT INTO system_keks VALUES ($1, $2, $3, $4, now())",
        {kek.identity.version, kek.root_version, kek.blob, kek.check});
  }

  // A person, alone in a new organisation.
  api::Principal AddUser(const char* role = "owner") {
    api::Principal user;
    user.org = OrgId{NewUuidV7(clock, random)};
    user.id = NewUuidV7(clock, random);
    Sql("INSERT INTO orgs VALUES ($1, 'Org', $2)", {user.org, clock.Now()});
    Sql("INSERT INTO users (org_id, id, email, display_name, role, auth_method, password_hash, "
        "tokens_valid_from, created_at) VALUES ($1, $2, $3, 'Name', $4, 'email', 'none', $5, $5)",
        {user.org, user.id, FormatUuid(user.id) + "@example.org", role,
         Time(std::chrono::seconds(UnixSeconds(clock.Now())))});
    return user;
  }

  crypto::TokenClaims ClaimsOf(const api::Principal& user) {
    crypto::TokenClaims claims;
    claims.subject_type = user.type;
    claims.subject = user.id;
    claims.org = user.org;
    claims.id = TokenId{NewUuidV7(clock, random)};
    claims.issued_at = UnixSeconds(clock.Now());
    claims.expires_at = claims.issued_at + crypto::kMaxTokenLifetimeSeconds;
    claims.scopes = {"*"};
    return claims;
  }
  std::string Sign(const crypto::TokenClaims& claims) {
    return Must(crypto::SignToken(keyring, kIssuer, claims));
  }

  struct Key {
    KeyId id;
    std::string text;
  };
  // A personal API key of that person.
  Key AddKey(const api::Principal& user, const std::optional<Time>& expires_at = std::nullopt) {
    Key key{KeyId{NewUuidV7(clock, random)},
            std::string(crypto::NewCredential(api::kApiKeyPrefix, random).Text())};
    const auto mac = Must(crypto::CredentialMac(keyring, api::kApiKeyPurpose, key.text));
    Sql("INSERT INTO api_keys (org_id, id, user_id, name, mac, key_prefix, scopes, created_at, expires_at, "
        "lookup_version) VALUES ($1, $2, $3, 'key', $4, $5, '[]', $6, $7, $8)",
        {user.org, key.id, user.id, mac.bytes, key.text.substr(0, 12), clock.Now(), expires_at, mac.version});
    return key;
  }

  struct AgentKey {
    api::Principal agent;
    std::string text;
  };
  // An agent of that person's organisation, with its key.
  AgentKey AddAgent(const api::Principal& creator) {
    AgentKey made{{}, std::string(crypto::NewCredential(api::kAgentKeyPrefix, random).Text())};
    made.agent.type = api::PrincipalType::kAgent;
    made.agent.org = creator.org;
    made.agent.id = NewUuidV7(clock, random);
    const auto mac = Must(crypto::CredentialMac(keyring, api::kAgentKeyPurpose, made.text));
    Sql("INSERT INTO agents (org_id, id, name, description, auth_method, mac, tokens_valid_from, scopes, "
        "vault_ids, "
        "is_active, intents_api_enabled, tx_to_allowlist, tx_allowed_chains, ssh_public_key, "
        "ecdh_public_key, "
        "created_by, created_at, lookup_version) VALUES ($1, $2, 'agent', '', 'api_key', $3, $4, '[]', '[]', "
        "true, false, '[]', '[]', $5, $6, $7, $4, $8)",
        {creator.org, made.agent.id, mac.bytes, Time(std::chrono::seconds(UnixSeconds(clock.Now()))),
         Bytes(32), Bytes(65), creator.id, mac.version});
    return made;
  }

  // That principal may read in the vault what matches.
  void AddPolicy(const VaultId& vault, const api::Principal& principal, const char* pattern,
                 const char* conditions = "{}", const std::optional<Time>& expires_at = std::nullopt) {
    Sql("INSERT INTO policies (org_id, vault_id, id, principal_type, principal_id, pattern, may_read, "
        "may_write, "
        "may_delete, conditions, expires_at, created_by_type, created_by, created_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, true, false, false, $7, $8, 'user', $5, now())",
        {principal.org, vault, NewUuidV7(clock, random), crypto::Name(principal.type), principal.id, pattern,
         conditions, expires_at});
  }

  crypto::TokenVerifier Verifier() { return {kIssuer, Must(keyring.PublicKeys(crypto::SigningKey::kToken))}; }

  const std::string name = "unit";
  fakes::FakeClock clock;
  fakes::FakeRandom random;
  fakes::FakeKeyring keyring;
  // Of a twin: keys that tests make by `keyring` stay those of its seed.
  const crypto::WrappedKek system_kek = Must(fakes::FakeKeyring().GenerateKek({}));
  schema::PgConfig config = Patient(Server().Config("claviger_app", name));
  schema::Pool pool{config, QuietLog()};

 private:
  // Tests hold locks on purpose.
  static schema::PgConfig Patient(schema::PgConfig config) {
    config.statement_timeout = config.lock_timeout = std::chrono::seconds(30);
    return config;
  }
};

inline api::http::Request WithToken(std::string_view token) {
  api::http::Request request;
  request.headers.emplace_back("authorization", "Bearer " + std::string(token));
  return request;
}

}  // namespace claviger::testing
