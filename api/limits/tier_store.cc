#include "api/limits/tier_store.h"

namespace claviger::api::tier_store {
namespace {

using schema::Statement;

constexpr Statement kLockOrg{"tier_lock_org", "SELECT 1 FROM orgs WHERE id = $1 FOR NO KEY UPDATE"};

// Only the daemon can name a vault so.
#define IDENTITY_VAULT "name = '__agent-keys'"

constexpr Statement kCountVaults{
    "tier_count_vaults", "SELECT count(*) FROM vaults WHERE org_id = $1 AND NOT (" IDENTITY_VAULT ")", true};

constexpr Statement kCountSecrets{
    "tier_count_secrets",
    "SELECT count(*) FROM secrets WHERE org_id = $1 AND deleted_at IS NULL AND vault_id NOT IN "
    "(SELECT id FROM vaults WHERE org_id = $1 AND " IDENTITY_VAULT ")",
    true};

#undef IDENTITY_VAULT

constexpr Statement kCountAgents{"tier_count_agents",
                                 "SELECT count(*) FROM agents WHERE org_id = $1 AND is_active", true};

Result<int64_t> Count(schema::Connection& connection, const Statement& statement, const OrgId& org) {
  TRY(const auto rows, connection.Run(statement, {org}));
  return rows.Int8(0, 0);
}

}  // namespace

Status LockOrg(schema::Connection& connection, const OrgId& org) {
  TRYV(connection.Run(kLockOrg, {org}));
  return Ok();
}

Result<int64_t> CountVaults(schema::Connection& connection, const OrgId& org) {
  return Count(connection, kCountVaults, org);
}

Result<int64_t> CountSecrets(schema::Connection& connection, const OrgId& org) {
  return Count(connection, kCountSecrets, org);
}

Result<int64_t> CountAgents(schema::Connection& connection, const OrgId& org) {
  return Count(connection, kCountAgents, org);
}

}  // namespace claviger::api::tier_store
