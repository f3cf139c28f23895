#include "api/policies/policies_store.h"

namespace claviger::api::policies_store {
namespace {

using schema::Connection;
using schema::Rows;
using schema::Statement;

// References to the vault are not held up.
constexpr Statement kLockVault{"policies_lock_vault",
                               "SELECT 1 FROM vaults WHERE org_id = $1 AND id = $2 FOR NO KEY UPDATE"};

constexpr Statement kCount{"policies_count",
                           "SELECT count(*) FROM policies WHERE org_id = $1 AND vault_id = $2", true};

constexpr Statement kInsert{
    "policies_insert",
    "INSERT INTO policies (org_id, vault_id, id, principal_type, principal_id, pattern, may_read, may_write, "
    "may_delete, conditions, expires_at, created_by_type, created_by, created_at) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"};

#define POLICY_COLUMNS                                                                     \
  "id, vault_id, pattern, principal_type, principal_id, may_read, may_write, may_delete, " \
  "conditions, expires_at, created_by_type, created_by, created_at"

constexpr Statement kLock{"policies_lock",
                          "SELECT " POLICY_COLUMNS
                          " FROM policies WHERE org_id = $1 AND vault_id = $2 AND id = $3 FOR UPDATE"};

constexpr Statement kDelete{"policies_delete",
                            "DELETE FROM policies WHERE org_id = $1 AND vault_id = $2 AND id = $3 "
                            "RETURNING " POLICY_COLUMNS};

// Ids are UUIDv7: their order is the order of creation.
constexpr Statement kList{
    "policies_list",
    "SELECT " POLICY_COLUMNS
    " FROM policies WHERE org_id = $1 AND vault_id = $2 AND ($3::uuid IS NULL OR id > $3) "
    "ORDER BY id LIMIT $4",
    true};

constexpr Statement kLoad{
    "policies_load", "SELECT " POLICY_COLUMNS " FROM policies WHERE org_id = $1 AND vault_id = $2", true};

#undef POLICY_COLUMNS

constexpr Statement kUpdate{
    "policies_update",
    "UPDATE policies SET may_read = $4, may_write = $5, may_delete = $6, conditions = $7, expires_at = $8 "
    "WHERE org_id = $1 AND vault_id = $2 AND id = $3"};

constexpr Statement kDeleteOfUser{
    "policies_delete_of_user",
    "DELETE FROM policies WHERE org_id = $1 AND principal_type = 'user' AND principal_id = $2"};

constexpr Statement kPatternsOf{"policies_patterns_of",
                                "SELECT DISTINCT pattern FROM policies WHERE org_id = $1 AND principal_type "
                                "= 'agent' AND principal_id = $2 "
                                "AND (expires_at IS NULL OR expires_at > $3) LIMIT $4",
                                true};

// The order leaves the planner only the index by principal: it would rather walk all policies of the vault.
constexpr Statement kHasLive{
    "policies_has_live",
    "SELECT 1 FROM policies WHERE org_id = $1 AND principal_id BETWEEN $2 AND $2 AND vault_id = $3 "
    "AND principal_type = 'agent' AND (expires_at IS NULL OR expires_at > $4) ORDER BY principal_id LIMIT 1",
    true};

PrincipalType TypeAt(const Rows& rows, int row, int column) {
  return rows.Text(row, column) == crypto::Name(PrincipalType::kAgent) ? PrincipalType::kAgent
                                                                       : PrincipalType::kUser;
}

Policy ReadPolicy(const Rows& rows, int row) {
  Policy policy;
  policy.id = rows.IdAt<PolicyId>(row, 0);
  policy.vault = rows.IdAt<VaultId>(row, 1);
  policy.pattern = rows.Text(row, 2);
  policy.principal_type = TypeAt(rows, row, 3);
  policy.principal = rows.UuidAt(row, 4);
  policy.terms.permissions = {rows.Bool(row, 5), rows.Bool(row, 6), rows.Bool(row, 7)};
  policy.terms.conditions = rows.Text(row, 8);
  if (!rows.IsNull(row, 9)) policy.terms.expires_at = rows.Timestamp(row, 9);
  policy.created_by_type = TypeAt(rows, row, 10);
  policy.created_by = rows.UuidAt(row, 11);
  policy.created_at = rows.Timestamp(row, 12);
  return policy;
}

std::optional<Policy> ReadOne(const Rows& rows) {
  if (rows.empty()) return std::nullopt;
  return ReadPolicy(rows, 0);
}

}  // namespace

Result<bool> LockVault(Connection& connection, const Grant& grant) {
  TRY(const auto rows, connection.Run(kLockVault, {grant.org(), grant.vault()}));
  return !rows.empty();
}

Result<int64_t> Count(Connection& connection, const Grant& grant) {
  TRY(const auto rows, connection.Run(kCount, {grant.org(), grant.vault()}));
  return rows.Int8(0, 0);
}

Connection::Call Insert(const OrgId& org, const Policy& policy) {
  const auto& [permissions, conditions, expires_at] = policy.terms;
  return {kInsert,
          {org, policy.vault, policy.id, crypto::Name(policy.principal_type), policy.principal,
           policy.pattern, permissions.read, permissions.write, permissions.remove, conditions, expires_at,
           crypto::Name(policy.created_by_type), policy.created_by, policy.created_at}};
}

Result<std::optional<Policy>> Lock(Connection& connection, const Grant& grant, const PolicyId& id) {
  TRY(const auto rows, connection.Run(kLock, {grant.org(), grant.vault(), id}));
  return ReadOne(rows);
}

Status Update(Connection& connection, const Grant& grant, const Policy& policy) {
  const auto& [permissions, conditions, expires_at] = policy.terms;
  TRYV(connection.Run(kUpdate, {grant.org(), grant.vault(), policy.id, permissions.read, permissions.write,
                                permissions.remove, conditions, expires_at}));
  return Ok();
}

Result<std::optional<Policy>> Delete(Connection& connection, const Grant& grant, const PolicyId& id) {
  TRY(const auto rows, connection.Run(kDelete, {grant.org(), grant.vault(), id}));
  return ReadOne(rows);
}

Status DeleteOfUser(Connection& connection, const OrgId& org, const UserId& user) {
  TRYV(connection.Run(kDeleteOfUser, {org, user}));
  return Ok();
}

Result<std::vector<Policy>> List(Connection& connection, const OrgId& org, const VaultId& vault,
                                 const std::optional<PolicyId>& after, int64_t limit) {
  TRY(const auto rows, connection.Run(kList, {org, vault, after, limit}));
  std::vector<Policy> policies;
  policies.reserve(rows.size());
  for (int row = 0; row < rows.size(); ++row) policies.push_back(ReadPolicy(rows, row));
  return policies;
}

Result<PolicySet> LoadSet(Connection& connection, const OrgId& org, const VaultId& vault) {
  TRY(const auto rows, connection.Run(kLoad, {org, vault}));
  PolicySet set;
  for (int row = 0; row < rows.size(); ++row) {
    const Policy policy = ReadPolicy(rows, row);
    TRYV(set.Add({policy.principal_type, policy.principal, policy.pattern, policy.terms.permissions,
                  policy.terms.conditions, policy.terms.expires_at}));
  }
  return set;
}

Result<std::vector<std::string>> PatternsOf(Connection& connection, const OrgId& org, const AgentId& agent,
                                            Time now, int64_t limit) {
  TRY(const auto rows, connection.Run(kPatternsOf, {org, agent, now, limit}));
  std::vector<std::string> patterns;
  for (int row = 0; row < rows.size(); ++row) patterns.emplace_back(rows.Text(row, 0));
  return patterns;
}

Result<bool> HasLive(Connection& connection, const OrgId& org, const VaultId& vault, const Uuid& agent,
                     Time now) {
  TRY(const auto rows, connection.Run(kHasLive, {org, agent, vault, now}));
  return !rows.empty();
}

}  // namespace claviger::api::policies_store
