#include "api/cmek/cmek_store.h"

namespace claviger::api::cmek_store {
namespace {

using schema::Rows;
using schema::Statement;

#define COLUMNS                                                                                         \
  "org_id, id, vault_id, old_fingerprint, new_fingerprint, state, total, resealed, error, created_at, " \
  "finished_at"

constexpr Statement kInsert{
    "cmek_rotations_insert",
    "INSERT INTO rotations (org_id, id, kind, vault_id, old_fingerprint, new_fingerprint, state, "
    "requested_by, total, lease_owner, lease_until, fence, created_at, started_at, updated_at) "
    "VALUES ($1, $2, 'cmek', $3, $4, $5, 'running', $6, $7, $8, now() + interval '30 seconds', $9, $10, $10, "
    "$10)"};

constexpr Statement kPrune{
    "cmek_rotations_prune",
    "DELETE FROM rotations WHERE org_id = $1 AND vault_id = $2 AND kind = 'cmek' AND state <> 'running' "
    "AND id NOT IN (SELECT id FROM rotations WHERE org_id = $1 AND vault_id = $2 AND kind = 'cmek' "
    "AND state <> 'running' ORDER BY id DESC LIMIT $3)"};

constexpr Statement kFind{"cmek_rotations_find",
                          "SELECT " COLUMNS
                          " FROM rotations WHERE org_id = $1 AND vault_id = $2 AND id = $3 AND kind = 'cmek'",
                          true};

constexpr Statement kIsRunning{"cmek_rotations_is_running",
                               "SELECT EXISTS (SELECT FROM rotations WHERE org_id = $1 AND vault_id = $2 "
                               "AND kind = 'cmek' AND state = 'running')",
                               true};

constexpr Statement kFailLost{
    "cmek_rotations_fail_lost",
    "UPDATE rotations SET state = 'failed', error = $1, updated_at = $2, lease_owner = NULL, "
    "lease_until = NULL WHERE (org_id, id) IN (SELECT org_id, id FROM rotations WHERE kind = 'cmek' "
    "AND state = 'running' AND lease_until <= now() ORDER BY id LIMIT 100 FOR NO KEY UPDATE SKIP LOCKED) "
    "RETURNING " COLUMNS};

#undef COLUMNS

CmekRotationStatus StatusOf(std::string_view state) {
  if (state == "running") return CmekRotationStatus::kRunning;
  return state == "done" ? CmekRotationStatus::kCompleted : CmekRotationStatus::kFailed;
}

CmekRotation ReadRotation(const Rows& rows, int row) {
  CmekRotation rotation;
  rotation.org = rows.IdAt<OrgId>(row, 0);
  rotation.id = rows.IdAt<RotationId>(row, 1);
  rotation.vault = rows.IdAt<VaultId>(row, 2);
  rotation.from = crypto::ToDigest(rows.Blob(row, 3)).value_or(crypto::Digest{});
  rotation.to = crypto::ToDigest(rows.Blob(row, 4)).value_or(crypto::Digest{});
  rotation.status = StatusOf(rows.Text(row, 5));
  rotation.total = rows.Int8(row, 6);
  rotation.processed = rows.Int8(row, 7);
  if (!rows.IsNull(row, 8)) rotation.error = rows.Text(row, 8);
  rotation.created_at = rows.Timestamp(row, 9);
  if (!rows.IsNull(row, 10)) rotation.completed_at = rows.Timestamp(row, 10);
  return rotation;
}

}  // namespace

Status Insert(schema::Connection& connection, const CmekRotation& rotation, std::string_view requested_by,
              const Uuid& node) {
  TRYV(connection.Run(
      kInsert, {rotation.org, rotation.id, rotation.vault, ByteView(rotation.from), ByteView(rotation.to),
                requested_by, rotation.total, node, kFirstFence, rotation.created_at}));
  return Ok();
}

Status Prune(schema::Connection& connection, const OrgId& org, const VaultId& vault, int64_t kept) {
  TRYV(connection.Run(kPrune, {org, vault, kept}));
  return Ok();
}

Result<std::optional<CmekRotation>> Find(schema::Connection& connection, const OrgId& org,
                                         const VaultId& vault, const RotationId& id) {
  TRY(const auto rows, connection.Run(kFind, {org, vault, id}));
  if (rows.empty()) return std::nullopt;
  return ReadRotation(rows, 0);
}

Result<bool> IsRunning(schema::Connection& connection, const OrgId& org, const VaultId& vault) {
  TRY(const auto rows, connection.Run(kIsRunning, {org, vault}));
  return rows.Bool(0, 0);
}

Result<std::vector<CmekRotation>> FailLost(schema::Connection& connection, std::string_view error, Time now) {
  TRY(const auto rows, connection.Run(kFailLost, {error, now}));
  std::vector<CmekRotation> lost;
  for (int row = 0; row < rows.size(); ++row) lost.push_back(ReadRotation(rows, row));
  return lost;
}

}  // namespace claviger::api::cmek_store
