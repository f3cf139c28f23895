#include "api/agents/agents_store.h"

#include <set>

#include "api/access/lookups_store.h"
#include "api/json/string_list.h"

namespace claviger::api::agents_store {
namespace {

using schema::Connection;
using schema::Rows;
using schema::Statement;

constexpr Statement kInsert{
    "agents_insert",
    "INSERT INTO agents (org_id, id, name, description, auth_method, client_cert_fingerprint, oidc_issuer, "
    "oidc_client_id, mac, tokens_valid_from, scopes, vault_ids, is_active, intents_api_enabled, "
    "tx_to_allowlist, "
    "tx_allowed_chains, tx_max_value_eth, tx_daily_limit_eth, token_ttl_seconds, expires_at, ssh_public_key, "
    "ecdh_public_key, created_by, created_at, enrolled, lookup_version) VALUES ($1, $2, $3, $4, $5, $6, $7, "
    "$8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26)"};

#define AGENT_COLUMNS                                                                                  \
  "id, name, description, auth_method, client_cert_fingerprint, oidc_issuer, oidc_client_id, scopes, " \
  "vault_ids, is_active, intents_api_enabled, tx_to_allowlist, tx_allowed_chains, tx_max_value_eth, "  \
  "tx_daily_limit_eth, token_ttl_seconds, expires_at, ssh_public_key, ecdh_public_key, created_by, "   \
  "created_at, last_active_at, tokens_valid_from"

constexpr Statement kFind{"agents_find", "SELECT " AGENT_COLUMNS " FROM agents WHERE org_id = $1 AND id = $2",
                          true};

constexpr Statement kFindByKey{
    "agents_find_by_key", "SELECT " AGENT_COLUMNS " FROM agents WHERE org_id = $1 AND id = $2 AND mac = $3",
    true};

constexpr Statement kLock{"agents_lock",
                          "SELECT " AGENT_COLUMNS " FROM agents WHERE org_id = $1 AND id = $2 FOR UPDATE"};

// Ids are UUIDv7: their order is the order of creation.
constexpr Statement kList{
    "agents_list",
    "SELECT " AGENT_COLUMNS
    " FROM agents WHERE org_id = $1 AND ($2::uuid IS NULL OR id > $2) ORDER BY id LIMIT $3",
    true};

#undef AGENT_COLUMNS

// The organisation's row stands for its agents, of which there may be none yet. References to it are not held
// up.
constexpr Statement kLockOrg{"agents_lock_org", "SELECT 1 FROM orgs WHERE id = $1 FOR NO KEY UPDATE"};
constexpr Statement kCount{"agents_count", "SELECT count(*) FROM agents WHERE org_id = $1", true};

constexpr Statement kCountUnused{"agents_count_unused",
                                 "SELECT count(*), count(*) FILTER (WHERE created_by = $2) FROM agents "
                                 "WHERE org_id = $1 AND enrolled AND is_active AND last_active_at IS NULL",
                                 true};

constexpr Statement kUpdate{
    "agents_update",
    "UPDATE agents SET name = $3, description = $4, scopes = $5, vault_ids = $6, is_active = $7, "
    "intents_api_enabled = $8, tx_to_allowlist = $9, tx_allowed_chains = $10, tx_max_value_eth = $11, "
    "tx_daily_limit_eth = $12, token_ttl_seconds = $13, expires_at = $14, tokens_valid_from = $15 WHERE "
    "org_id "
    "= $1 AND id = $2"};

constexpr Statement kSetKey{
    "agents_set_key",
    "UPDATE agents SET mac = $3, lookup_version = $4, tokens_valid_from = $5 WHERE org_id = $1 AND id = $2"};

constexpr Statement kCountVaults{"agents_count_vaults",
                                 "SELECT count(*) FROM vaults WHERE org_id = $1 AND id = ANY($2)", true};

std::optional<std::string> TextAt(const Rows& rows, int row, int column) {
  if (rows.IsNull(row, column)) return std::nullopt;
  return std::string(rows.Text(row, column));
}

std::optional<Time> TimeAt(const Rows& rows, int row, int column) {
  if (rows.IsNull(row, column)) return std::nullopt;
  return rows.Timestamp(row, column);
}

Bytes BytesAt(const Rows& rows, int row, int column) {
  const ByteView view = rows.Blob(row, column);
  return {view.begin(), view.end()};
}

Result<Found> ReadAgent(const Rows& rows, int row) {
  Found found;
  Agent& agent = found.agent;
  AgentSettings& settings = agent.settings;
  agent.id = rows.IdAt<AgentId>(row, 0);
  settings.name = rows.Text(row, 1);
  settings.description = rows.Text(row, 2);
  agent.identity = {std::string(rows.Text(row, 3)), TextAt(rows, row, 4), TextAt(rows, row, 5),
                    TextAt(rows, row, 6)};
  TRY(settings.scopes, ParseStrings(rows.Text(row, 7)));
  TRY(settings.vault_ids, ParseIds<VaultId>(rows.Text(row, 8)));
  settings.is_active = rows.Bool(row, 9);
  settings.intents_api_enabled = rows.Bool(row, 10);
  TRY(settings.tx_to_allowlist, ParseStrings(rows.Text(row, 11)));
  TRY(settings.tx_allowed_chains, ParseStrings(rows.Text(row, 12)));
  settings.tx_max_value_eth = TextAt(rows, row, 13);
  settings.tx_daily_limit_eth = TextAt(rows, row, 14);
  if (!rows.IsNull(row, 15)) settings.token_ttl_seconds = rows.Int8(row, 15);
  settings.expires_at = TimeAt(rows, row, 16);
  agent.ssh_public_key = BytesAt(rows, row, 17);
  agent.ecdh_public_key = BytesAt(rows, row, 18);
  if (!rows.IsNull(row, 19)) agent.created_by = rows.IdAt<UserId>(row, 19);
  agent.created_at = rows.Timestamp(row, 20);
  agent.last_active_at = TimeAt(rows, row, 21);
  found.tokens_valid_from = rows.Timestamp(row, 22);
  return found;
}

Result<std::optional<Found>> ReadOne(const Rows& rows) {
  if (rows.empty()) return std::nullopt;
  TRY(auto found, ReadAgent(rows, 0));
  return std::optional(std::move(found));
}

}  // namespace

Connection::Call Insert(const OrgId& org, const Agent& agent, const std::optional<crypto::LookupMac>& mac,
                        Time tokens_valid_from, bool enrolled) {
  const AgentSettings& settings = agent.settings;
  return {kInsert,
          {org,
           agent.id,
           settings.name,
           settings.description,
           agent.identity.auth_method,
           agent.identity.client_cert_fingerprint,
           agent.identity.oidc_issuer,
           agent.identity.oidc_client_id,
           mac ? std::optional(mac->bytes) : std::nullopt,
           tokens_valid_from,
           DumpStrings(settings.scopes),
           DumpIds(settings.vault_ids),
           settings.is_active,
           settings.intents_api_enabled,
           DumpStrings(settings.tx_to_allowlist),
           DumpStrings(settings.tx_allowed_chains),
           settings.tx_max_value_eth,
           settings.tx_daily_limit_eth,
           settings.token_ttl_seconds,
           settings.expires_at,
           agent.ssh_public_key,
           agent.ecdh_public_key,
           agent.created_by,
           agent.created_at,
           enrolled,
           mac ? mac->version : uint32_t{1}}};
}

Result<std::optional<Found>> Find(Connection& connection, const OrgId& org, const AgentId& id) {
  TRY(const auto rows, connection.Run(kFind, {org, id}));
  return ReadOne(rows);
}

Result<std::optional<Found>> FindByKey(Connection& connection, const OrgId& org, const AgentId& id,
                                       const crypto::LookupMacs& macs) {
  TRY(const auto rows, lookups_store::LookUp(macs, [&](const Bytes& mac) {
        return connection.Run(kFindByKey, {org, id, mac});
      }));
  return ReadOne(rows);
}

Result<std::optional<Found>> Lock(Connection& connection, const OrgId& org, const AgentId& id) {
  TRY(const auto rows, connection.Run(kLock, {org, id}));
  return ReadOne(rows);
}

Result<std::vector<Agent>> List(Connection& connection, const OrgId& org, const std::optional<AgentId>& after,
                                int64_t limit) {
  TRY(const auto rows, connection.Run(kList, {org, after, limit}));
  std::vector<Agent> agents;
  agents.reserve(rows.size());
  for (int row = 0; row < rows.size(); ++row) {
    TRY(auto found, ReadAgent(rows, row));
    agents.push_back(std::move(found.agent));
  }
  return agents;
}

Result<bool> HasRoom(Connection& connection, const OrgId& org, int64_t limit) {
  TRYV(connection.Run(kLockOrg, {org}));
  TRY(const auto rows, connection.Run(kCount, {org}));
  return rows.Int8(0, 0) < limit;
}

Result<Unused> CountUnused(Connection& connection, const OrgId& org, const UserId& person) {
  TRY(const auto rows, connection.Run(kCountUnused, {org, person}));
  return Unused{rows.Int8(0, 0), rows.Int8(0, 1)};
}

Status Update(Connection& connection, const OrgId& org, const AgentId& id, const AgentSettings& settings,
              Time tokens_valid_from) {
  TRYV(
      connection.Run(kUpdate, {org, id, settings.name, settings.description, DumpStrings(settings.scopes),
                               DumpIds(settings.vault_ids), settings.is_active, settings.intents_api_enabled,
                               DumpStrings(settings.tx_to_allowlist), DumpStrings(settings.tx_allowed_chains),
                               settings.tx_max_value_eth, settings.tx_daily_limit_eth,
                               settings.token_ttl_seconds, settings.expires_at, tokens_valid_from}));
  return Ok();
}

Status SetKey(Connection& connection, const OrgId& org, const AgentId& id, const crypto::LookupMac& mac,
              Time tokens_valid_from) {
  TRYV(connection.Run(kSetKey, {org, id, mac.bytes, mac.version, tokens_valid_from}));
  return Ok();
}

Result<bool> HasVaults(Connection& connection, const OrgId& org, const std::vector<VaultId>& vaults) {
  std::set<Uuid> wanted;
  for (const auto& vault : vaults) wanted.insert(vault.uuid);
  TRY(const auto rows,
      connection.Run(kCountVaults, {org, schema::Param::UuidArray({wanted.begin(), wanted.end()})}));
  return rows.Int8(0, 0) == static_cast<int64_t>(wanted.size());
}

}  // namespace claviger::api::agents_store
