#include "api/access/access_store.h"

#include <algorithm>
#include <limits>

#include "api/access/lookups_store.h"
#include "api/access/path_pattern.h"
#include "api/access/path_tree.h"
#include "api/json/string_list.h"

namespace claviger::api::access_store {
namespace {

using schema::Rows;
using schema::Statement;

// The user still exists in that organisation, with its role of now; the token was not issued before the
// user's other tokens were killed; neither the token nor the key it was given for was revoked.
constexpr Statement kLoadUser = {
    "access_load_user",
    "SELECT u.role, u.tokens_valid_from,"
    "       EXISTS (SELECT 1 FROM revoked_tokens r WHERE r.org_id = u.org_id AND r.jti = $3),"
    "       $4::uuid IS NULL OR EXISTS (SELECT 1 FROM api_keys k WHERE k.org_id = u.org_id AND k.id = $4"
    "                                      AND k.user_id = u.id AND k.is_active)"
    "  FROM users u WHERE u.org_id = $1 AND u.id = $2",
    true};

// Without an organisation: who shows a key shows nothing else.
constexpr Statement kLoadApiKey = {
    "access_load_api_key",
    "SELECT k.org_id, k.id, k.user_id, u.role, k.is_active, k.expires_at, k.lookup_version"
    "  FROM api_keys k JOIN users u ON u.org_id = k.org_id AND u.id = k.user_id WHERE k.mac = $1",
    true};

#define AGENT_STATE "a.org_id, a.id, a.is_active, a.expires_at, a.vault_ids, a.intents_api_enabled, a.scopes"

constexpr Statement kLoadAgent = {
    "access_load_agent",
    "SELECT " AGENT_STATE
    ", a.tokens_valid_from,"
    "       EXISTS (SELECT 1 FROM revoked_tokens r WHERE r.org_id = a.org_id AND r.jti = $3)"
    "  FROM agents a WHERE a.org_id = $1 AND a.id = $2",
    true};

constexpr Statement kLoadAgentKey = {
    "access_load_agent_key", "SELECT " AGENT_STATE ", a.lookup_version FROM agents a WHERE a.mac = $1", true};

// A key whose row somebody holds, to change it or to note its use, is moved the next time.
constexpr Statement kMoveApiKey = {"access_move_api_key", "SELECT move_api_key($1, $2, $3, $4, $5)", true};
constexpr Statement kMoveAgentKey = {"access_move_agent_key", "SELECT move_agent_key($1, $2, $3, $4, $5)",
                                     true};

constexpr Statement kLoadAbsentUser = {"access_load_absent_user",
                                       "SELECT role FROM users WHERE org_id = $1 AND id = $2", true};
constexpr Statement kLoadAbsentAgent = {
    "access_load_absent_agent", "SELECT " AGENT_STATE " FROM agents a WHERE a.org_id = $1 AND a.id = $2",
    true};

#undef AGENT_STATE

Result<Role> RoleAt(const Rows& rows, int column) {
  const auto role = ParseRole(rows.Text(0, column));
  if (!role) return Internal("stored role is unknown");
  return *role;
}

// When a key or agent ends; never is far away.
Result<int64_t> ExpiryAt(const Rows& rows, int column, Time now) {
  if (rows.IsNull(0, column)) return std::numeric_limits<int64_t>::max();
  const Time expires_at = rows.Timestamp(0, column);
  if (expires_at <= now) return Unauthenticated("the key or agent has expired");
  return UnixSeconds(expires_at);
}

// From the columns of AGENT_STATE.
Result<Principal> ReadAgent(const Rows& rows, Time now) {
  if (!rows.Bool(0, 2)) return Unauthenticated("the agent is deactivated");
  Principal agent;
  agent.type = PrincipalType::kAgent;
  agent.org = rows.IdAt<OrgId>(0, 0);
  agent.id = rows.UuidAt(0, 1);
  TRY(agent.expires_at, ExpiryAt(rows, 3, now));
  TRY(agent.vaults, ParseIds<VaultId>(rows.Text(0, 4)));
  agent.intents = rows.Bool(0, 5);
  return agent;
}

// For whom no token speaks: limited to the paths that its stored scopes name, if they name any.
Result<Principal> ReadScopedAgent(const Rows& rows, Time now) {
  TRY(auto agent, ReadAgent(rows, now));
  TRY(auto scopes, ParseStrings(rows.Text(0, 6)));
  std::erase_if(scopes, [](const auto& scope) { return !IsPathScope(scope); });
  if (!scopes.empty()) agent.scopes = CompileScopes(scopes);
  return agent;
}

Result<Principal> LoadTokenAgent(schema::Connection& connection, const crypto::TokenClaims& claims,
                                 Time now) {
  TRY(const auto rows, connection.Run(kLoadAgent, {claims.org, claims.subject, claims.id}));
  if (rows.empty()) return Unauthenticated("subject no longer exists");
  if (rows.Bool(0, 8)) return Unauthenticated("token was revoked");
  if (claims.issued_at < UnixSeconds(rows.Timestamp(0, 7))) {
    return Unauthenticated("token is older than the agent's key");
  }
  TRY(auto agent, ReadAgent(rows, now));
  agent.token = claims.id;
  agent.expires_at = std::min(agent.expires_at, claims.expires_at);
  return agent;
}

// A key of that version and principal was found, and is good.
Status MoveKey(schema::Connection& connection, const Statement& statement, const Principal& owner,
               const Uuid& key, const crypto::LookupMacs& macs, int32_t version) {
  if (!macs.other || !macs.Outdate(static_cast<uint32_t>(version))) return Ok();
  TRYV(
      connection.Run(statement, {owner.org, key, macs.other->bytes, macs.newest.bytes, macs.newest.version}));
  return Ok();
}

Result<Rows> LookUp(schema::Connection& connection, const Statement& statement,
                    const crypto::LookupMacs& macs) {
  return lookups_store::LookUp(macs, [&](const Bytes& mac) { return connection.Run(statement, {mac}); });
}

}  // namespace

Result<Principal> LoadTokenOwner(schema::Connection& connection, const crypto::TokenClaims& claims,
                                 Time now) {
  if (claims.subject_type == PrincipalType::kAgent) return LoadTokenAgent(connection, claims, now);
  TRY(const auto rows, connection.Run(kLoadUser, {claims.org, claims.subject, claims.id, claims.key}));
  if (rows.empty()) return Unauthenticated("subject no longer exists");
  if (rows.Bool(0, 2)) return Unauthenticated("token was revoked");
  if (!rows.Bool(0, 3)) return Unauthenticated("the key behind the token was revoked");
  // Both have whole seconds; api/auth/auth.h tells why that is exact enough. A key does not depend on the
  // password, and neither does what was given for it.
  if (!claims.key && claims.issued_at < UnixSeconds(rows.Timestamp(0, 1))) {
    return Unauthenticated("token is older than the user's last password change");
  }
  TRY(const Role role, RoleAt(rows, 0));
  return Principal{
      claims.subject_type,         claims.subject, claims.org, role, claims.id, claims.expires_at,
      claims.key.value_or(KeyId{})};
}

Result<Principal> LoadApiKeyOwner(schema::Connection& connection, const crypto::LookupMacs& macs, Time now) {
  TRY(const auto rows, LookUp(connection, kLoadApiKey, macs));
  if (rows.empty()) return Unauthenticated("no such key");
  if (!rows.Bool(0, 4)) return Unauthenticated("the key was revoked");
  TRY(const int64_t expires_at, ExpiryAt(rows, 5, now));
  TRY(const Role role, RoleAt(rows, 3));
  const KeyId key = rows.IdAt<KeyId>(0, 1);
  const Principal owner{
      PrincipalType::kUser, rows.UuidAt(0, 2), rows.IdAt<OrgId>(0, 0), role, TokenId{}, expires_at, key};
  TRYV(MoveKey(connection, kMoveApiKey, owner, key.uuid, macs, rows.Int4(0, 6)));
  return owner;
}

Result<Principal> LoadAgent(schema::Connection& connection, const crypto::LookupMacs& macs, Time now) {
  TRY(const auto rows, LookUp(connection, kLoadAgentKey, macs));
  if (rows.empty()) return Unauthenticated("no such key");
  TRY(auto agent, ReadScopedAgent(rows, now));
  TRYV(MoveKey(connection, kMoveAgentKey, agent, agent.id, macs, rows.Int4(0, 7)));
  return agent;
}

Result<Principal> LoadAbsent(schema::Connection& connection, PrincipalType type, const OrgId& org,
                             const Uuid& id, Time now) {
  const bool agent = type == PrincipalType::kAgent;
  TRY(const auto rows, connection.Run(agent ? kLoadAbsentAgent : kLoadAbsentUser, {org, id}));
  if (rows.empty()) return Unauthenticated("they are gone");
  if (agent) return ReadScopedAgent(rows, now);
  TRY(const Role role, RoleAt(rows, 0));
  Principal user;
  user.org = org;
  user.id = id;
  user.role = role;
  return user;
}

}  // namespace claviger::api::access_store
