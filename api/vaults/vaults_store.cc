#include "api/vaults/vaults_store.h"

#include "api/customer_keys/customer_keys_store.h"

namespace claviger::api::vaults_store {
namespace {

using schema::Rows;
using schema::Statement;

constexpr Statement kInsert{"vaults_insert",
                            "INSERT INTO vaults (org_id, id, name, description, created_by_type, created_by, "
                            "kek_version, created_at) VALUES ($1, $2, $3, $4, $5, $6, 1, $7)"};

constexpr Statement kInsertKek{
    "vault_keks_insert",
    "INSERT INTO vault_keks (org_id, vault_id, version, root_version, blob, check_record, created_at, "
    "customer_key_id) VALUES ($1, $2, $3, $4, $5, $6, $7, "
    "(SELECT customer_key_id FROM vaults WHERE org_id = $1 AND id = $2))"};

#define VAULT_COLUMNS                                                                  \
  "id, name, description, created_by_type, created_by, created_at, cmek_fingerprint, " \
  "customer_key_id IS NOT NULL"

// The order leaves the planner only the index by id: with one vault in most organisations it would rather
// walk all vaults of this one.
constexpr Statement kFind{"vaults_find",
                          "SELECT " VAULT_COLUMNS
                          " FROM vaults WHERE org_id = $1 AND id BETWEEN $2 AND $2 ORDER BY id LIMIT 1",
                          true};

constexpr Statement kFindByName{"vaults_find_by_name",
                                "SELECT " VAULT_COLUMNS " FROM vaults WHERE org_id = $1 AND name = $2", true};

constexpr Statement kKeep{"vaults_keep", "SELECT 1 FROM vaults WHERE org_id = $1 AND id = $2 FOR KEY SHARE"};

constexpr Statement kNewestKekVersion{"vaults_newest_kek_version",
                                      "SELECT kek_version FROM vaults WHERE org_id = $1 AND id = $2", true};

constexpr Statement kFindKek{
    "vault_keks_find",
    "SELECT k.root_version, k.blob, k.check_record, c.id, c.token, c.label, "
    "c.check_record FROM vault_keks k LEFT JOIN vault_customer_keys c "
    "ON c.org_id = k.org_id AND c.vault_id = k.vault_id AND c.id = k.customer_key_id "
    "WHERE k.org_id = $1 AND k.vault_id = $2 AND k.version = $3",
    true};

constexpr Statement kAdvance{
    "vaults_advance_kek",
    "UPDATE vaults SET kek_version = $3 WHERE org_id = $1 AND id = $2 AND kek_version = $3 - 1"};

constexpr Statement kRemoveOlder{"vault_keks_remove_older", "SELECT remove_older_keks($1, $2, $3)"};

constexpr Statement kSetCmek{"vaults_set_cmek",
                             "UPDATE vaults SET cmek_fingerprint = $3 WHERE org_id = $1 AND id = $2"};

constexpr Statement kLock{"vaults_lock", "SELECT 1 FROM vaults WHERE org_id = $1 AND id = $2 FOR UPDATE"};

// Ids are UUIDv7: their order is the order of creation.
constexpr Statement kList{"vaults_list",
                          "SELECT " VAULT_COLUMNS
                          " FROM vaults WHERE org_id = $1 AND ($2::uuid IS NULL OR created_by = $2 OR id IN "
                          "(SELECT vault_id FROM policies WHERE org_id = $1 AND principal_id = $2 "
                          "AND principal_type = 'agent' AND (expires_at IS NULL OR expires_at > $6))) "
                          "AND ($3::uuid IS NULL OR id > $3) AND ($5::uuid[] IS NULL OR id = ANY($5)) "
                          "ORDER BY id LIMIT $4",
                          true};

#undef VAULT_COLUMNS

// A vault may hold more rows than one statement can delete within its time limit.
constexpr int64_t kDeleteBatch = 5000;

constexpr Statement kDeleteSecrets{
    "vaults_delete_secrets",
    "DELETE FROM secrets WHERE org_id = $1 AND vault_id = $2 AND path <= coalesce("
    "(SELECT path FROM secrets WHERE org_id = $1 AND vault_id = $2 ORDER BY path OFFSET $3 - 1 LIMIT 1), "
    "'~')"};

constexpr Statement kDelete{"vaults_delete", "DELETE FROM vaults WHERE org_id = $1 AND id = $2"};

Vault ReadVault(const Rows& rows, int row) {
  Vault vault;
  vault.id = rows.IdAt<VaultId>(row, 0);
  vault.name = rows.Text(row, 1);
  vault.description = rows.Text(row, 2);
  vault.created_by_type = rows.Text(row, 3);
  vault.created_by = rows.UuidAt(row, 4);
  vault.created_at = rows.Timestamp(row, 5);
  if (!rows.IsNull(row, 6)) vault.cmek_fingerprint = crypto::ToDigest(rows.Blob(row, 6));
  vault.has_customer_key = rows.Bool(row, 7);
  return vault;
}

}  // namespace

schema::Connection::Call Insert(const OrgId& org, const Vault& vault) {
  return {kInsert,
          {org, vault.id, vault.name, vault.description, vault.created_by_type, vault.created_by,
           vault.created_at}};
}

schema::Connection::Call InsertKek(const crypto::WrappedKek& kek, Time created_at) {
  return {kInsertKek,
          {kek.identity.org, kek.identity.vault, kek.identity.version, kek.root_version, kek.blob, kek.check,
           created_at}};
}

Result<std::optional<Vault>> Find(schema::Connection& connection, const OrgId& org, const VaultId& id) {
  TRY(const auto rows, connection.Run(kFind, {org, id}));
  if (rows.empty()) return std::nullopt;
  return ReadVault(rows, 0);
}

Result<std::optional<Vault>> FindByName(schema::Connection& connection, const OrgId& org,
                                        std::string_view name) {
  TRY(const auto rows, connection.Run(kFindByName, {org, name}));
  if (rows.empty()) return std::nullopt;
  return ReadVault(rows, 0);
}

Result<bool> Keep(schema::Connection& connection, const OrgId& org, const VaultId& id) {
  TRY(const auto rows, connection.Run(kKeep, {org, id}));
  return !rows.empty();
}

Result<std::optional<uint32_t>> NewestKekVersion(schema::Connection& connection, const OrgId& org,
                                                 const VaultId& id) {
  TRY(const auto rows, connection.Run(kNewestKekVersion, {org, id}));
  if (rows.empty()) return std::nullopt;
  return static_cast<uint32_t>(rows.Int4(0, 0));
}

Result<crypto::WrappedKek> FindKek(schema::Connection& connection, const crypto::KekIdentity& identity) {
  TRY(const auto rows, connection.Run(kFindKek, {identity.org, identity.vault, identity.version}));
  if (rows.empty()) return IntegrityFailure("KEK of a vault is missing");
  const ByteView blob = rows.Blob(0, 1);
  const ByteView check = rows.Blob(0, 2);
  return crypto::WrappedKek{identity, static_cast<uint32_t>(rows.Int4(0, 0)), Bytes(blob.begin(), blob.end()),
                            Bytes(check.begin(), check.end()), customer_keys_store::KeyAt(rows, 0, 3)};
}

Result<bool> AdvanceKek(schema::Connection& connection, const crypto::WrappedKek& kek, Time created_at) {
  const auto& [org, vault, version] = kek.identity;
  TRY(const auto rows, connection.Run(kAdvance, {org, vault, version}));
  if (rows.affected() == 0) return false;
  TRYV(connection.Run(InsertKek(kek, created_at)));
  return true;
}

Status RemoveOlderKeks(schema::Connection& connection, const crypto::KekIdentity& newest) {
  TRYV(connection.Run(kRemoveOlder, {newest.org, newest.vault, newest.version}));
  return Ok();
}

Status SetCmek(schema::Connection& connection, const Grant& grant,
               const std::optional<crypto::Digest>& fingerprint) {
  TRYV(connection.Run(kSetCmek, {grant.org(), grant.vault(), fingerprint}));
  return Ok();
}

Result<bool> Lock(schema::Connection& connection, const Grant& grant) {
  TRY(const auto rows, connection.Run(kLock, {grant.org(), grant.vault()}));
  return !rows.empty();
}

Result<std::vector<Vault>> List(schema::Connection& connection, const OrgId& org, const Visible& visible,
                                const std::optional<VaultId>& after, int64_t limit) {
  schema::Param among = std::nullopt;
  if (!visible.among.empty()) {
    std::vector<Uuid> ids;
    for (const auto& id : visible.among) ids.push_back(id.uuid);
    among = schema::Param::UuidArray(ids);
  }
  TRY(const auto rows, connection.Run(kList, {org, visible.agent, after, limit, among, visible.now}));
  std::vector<Vault> vaults;
  vaults.reserve(rows.size());
  for (int row = 0; row < rows.size(); ++row) vaults.push_back(ReadVault(rows, row));
  return vaults;
}

Status Delete(schema::Connection& connection, const Grant& grant) {
  // Secrets first: their versions refer to the KEK rows that go with the vault.
  int64_t deleted = kDeleteBatch;
  while (deleted == kDeleteBatch) {
    TRY(const auto rows, connection.Run(kDeleteSecrets, {grant.org(), grant.vault(), kDeleteBatch}));
    deleted = rows.affected();
  }
  TRYV(connection.Run(kDelete, {grant.org(), grant.vault()}));
  return Ok();
}

}  // namespace claviger::api::vaults_store
