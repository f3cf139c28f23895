#include "api/rotations/root_store.h"

#include "api/rotations/rotation_runner.h"

namespace claviger::api::root_store {
namespace {

using schema::Rows;
using schema::Statement;

#define COLUMNS                                                                                 \
  "id, root_version, state, vaults_total, records_total, records_resealed, error, created_at, " \
  "finished_at"
#define LEASE "now() + interval '30 seconds'"
#define WHERE_CLAIMED "WHERE root_version = $1 AND fence = $2 AND state = 'running'"
// One rotation at most of a vault is not done.
#define FROM_LEFT                                                                                            \
  "FROM (SELECT DISTINCT org_id, vault_id FROM vault_keks WHERE root_version < $1) k LEFT JOIN rotations r " \
  "ON r.org_id = k.org_id AND r.vault_id = k.vault_id AND r.state <> 'done' "                                \
  "AND NOT (r.kind = 'cmek' AND r.state = 'failed') "

constexpr Statement kBegin{"root_rotations_begin", "SELECT begin_root_rotation($1, $2, $3)"};

constexpr Statement kFindLast{"root_rotations_find_last",
                              "SELECT " COLUMNS " FROM root_rotations ORDER BY root_version DESC LIMIT 1",
                              true};

constexpr Statement kPause{
    "root_rotations_pause",
    "UPDATE root_rotations SET state = 'paused', updated_at = $1, lease_owner = NULL, lease_until = NULL "
    "WHERE state IN ('pending', 'running')"};

constexpr Statement kResume{"root_rotations_resume",
                            "UPDATE root_rotations SET state = 'pending', error = NULL, updated_at = $1 "
                            "WHERE state IN ('paused', 'failed')"};

constexpr Statement kResumeVaults{"root_rotations_resume_vaults",
                                  "UPDATE rotations SET state = 'pending', error = NULL, updated_at = $2 "
                                  "WHERE requested_by = $1 AND kind = 'vault' AND state = 'failed'"};

constexpr Statement kTake{
    "root_rotations_take",
    "UPDATE root_rotations SET state = 'running', fence = fence + 1, lease_owner = $1, lease_until = " LEASE
    ", started_at = coalesce(started_at, $2), updated_at = $2 WHERE root_version = "
    "(SELECT root_version FROM root_rotations WHERE state = 'pending' OR (state = 'running' AND "
    "(lease_until <= now() OR lease_owner = $1)) FOR NO KEY UPDATE SKIP LOCKED) RETURNING " COLUMNS
    ", fence"};

constexpr Statement kAdvance{
    "root_rotations_advance",
    "UPDATE root_rotations SET records_resealed = records_resealed + $3, updated_at = $4, "
    "lease_until = " LEASE " " WHERE_CLAIMED};

constexpr Statement kFinish{
    "root_rotations_finish",
    "UPDATE root_rotations SET state = 'done', finished_at = $3, updated_at = $3, lease_owner = NULL, "
    "lease_until = NULL " WHERE_CLAIMED};

constexpr Statement kFail{
    "root_rotations_fail",
    "UPDATE root_rotations SET state = 'failed', error = $3, updated_at = $4, lease_owner = NULL, "
    "lease_until = NULL " WHERE_CLAIMED};

constexpr Statement kRelease{"root_rotations_release",
                             "UPDATE root_rotations SET lease_until = now() " WHERE_CLAIMED};

constexpr Statement kFindInUse{
    "root_rotations_find_in_use",
    "SELECT min(root_version), max(root_version) FROM (SELECT root_version FROM vault_keks UNION ALL "
    "SELECT root_version FROM system_keks) k",
    true};

constexpr Statement kFindNewestBegun{"root_rotations_find_newest_begun",
                                     "SELECT coalesce(max(root_version), 0) FROM root_rotations"};

constexpr Statement kListKeks{
    "root_rotations_list_keks",
    "SELECT org_id, vault_id, version, root_version, blob, check_record FROM "
    "(SELECT org_id, vault_id, version, root_version, blob, check_record FROM vault_keks UNION ALL "
    "SELECT $1, $1, version, root_version, blob, check_record FROM system_keks) k "
    "WHERE $2::uuid IS NULL OR (org_id, vault_id, version) > ($2, $3, $4) "
    "ORDER BY org_id, vault_id, version LIMIT $5",
    true};

constexpr Statement kCountLeft{
    "root_rotations_count_left",
    "SELECT count(*), count(*) FILTER (WHERE r.state IN ('paused', 'failed')) " FROM_LEFT, true};

constexpr Statement kFindLeft{
    "root_rotations_find_left",
    "SELECT k.org_id, k.vault_id, r.state, r.error, (SELECT min(c.token) FROM vault_customer_keys c "
    "WHERE c.org_id = k.org_id AND c.vault_id = k.vault_id) " FROM_LEFT
    "ORDER BY (r.state IN ('paused', 'failed')) IS NOT TRUE, k.org_id, k.vault_id LIMIT $2",
    true};

#undef FROM_LEFT
#undef WHERE_CLAIMED
#undef LEASE
#undef COLUMNS
constexpr int kFence = 9;  // behind the columns

RootRotation ReadRotation(const Rows& rows, int row) {
  RootRotation rotation;
  rotation.id = rows.UuidAt(row, 0);
  rotation.version = static_cast<uint32_t>(rows.Int4(row, 1));
  rotation.state = ParseRotationState(rows.Text(row, 2)).value_or(RotationState::kFailed);
  rotation.vaults = rows.Int8(row, 3);
  rotation.records = rows.Int8(row, 4);
  rotation.resealed = rows.Int8(row, 5);
  if (!rows.IsNull(row, 6)) rotation.error = rows.Text(row, 6);
  rotation.created_at = rows.Timestamp(row, 7);
  if (!rows.IsNull(row, 8)) rotation.finished_at = rows.Timestamp(row, 8);
  return rotation;
}

Result<bool> Touched(Result<Rows> result) {
  TRY(const auto rows, std::move(result));
  return rows.affected() > 0;
}

}  // namespace

schema::Connection::Call Begin(uint32_t version, const Uuid& id, Time now) {
  return {kBegin, {version, id, now}};
}

Result<std::optional<RootRotation>> FindLast(schema::Connection& connection) {
  TRY(const auto rows, connection.Run(kFindLast, {}));
  if (rows.empty()) return std::nullopt;
  return ReadRotation(rows, 0);
}

Result<bool> Pause(schema::Connection& connection, Time now) {
  return Touched(connection.Run(kPause, {now}));
}

Result<bool> Resume(schema::Connection& connection, Time now) {
  TRY(const bool rotation, Touched(connection.Run(kResume, {now})));
  TRY(const bool vaults, Touched(connection.Run(kResumeVaults, {kByRootKey, now})));
  return rotation || vaults;
}

Result<std::optional<Claim>> Take(schema::Connection& connection, const Uuid& node, Time now) {
  TRY(const auto rows, connection.Run(kTake, {node, now}));
  if (rows.empty()) return std::nullopt;
  return Claim{ReadRotation(rows, 0), rows.Int8(0, kFence)};
}

Result<bool> Advance(schema::Connection& connection, const Claim& claim, int64_t resealed, Time now) {
  return Touched(connection.Run(kAdvance, {claim.rotation.version, claim.fence, resealed, now}));
}

Result<bool> Finish(schema::Connection& connection, const Claim& claim, Time now) {
  return Touched(connection.Run(kFinish, {claim.rotation.version, claim.fence, now}));
}

Result<bool> Fail(schema::Connection& connection, const Claim& claim, std::string_view error, Time now) {
  return Touched(connection.Run(kFail, {claim.rotation.version, claim.fence, error, now}));
}

Status Release(schema::Connection& connection, const Claim& claim) {
  TRYV(connection.Run(kRelease, {claim.rotation.version, claim.fence}));
  return Ok();
}

Result<std::optional<RootsInUse>> FindInUse(schema::Connection& connection) {
  TRY(const auto rows, connection.Run(kFindInUse, {}));
  if (rows.IsNull(0, 0)) return std::nullopt;
  return RootsInUse{static_cast<uint32_t>(rows.Int4(0, 0)), static_cast<uint32_t>(rows.Int4(0, 1))};
}

Result<uint32_t> FindNewestBegun(schema::Connection& connection) {
  TRY(const auto rows, connection.Run(kFindNewestBegun, {}));
  return static_cast<uint32_t>(rows.Int4(0, 0));
}

Result<bool> CanWork(schema::Connection& connection, const crypto::Keyring& keyring) {
  const uint32_t held = keyring.Health().newest_root;
  TRY(const uint32_t begun, FindNewestBegun(connection));
  return held == 0 || held >= begun;
}

Result<std::vector<crypto::WrappedKek>> ListKeks(schema::Connection& connection,
                                                 const std::optional<crypto::KekIdentity>& after,
                                                 int64_t limit) {
  const crypto::KekIdentity from = after.value_or(crypto::KekIdentity{});
  schema::Param org = std::nullopt;
  if (after) org = from.org;
  TRY(const auto rows, connection.Run(kListKeks, {Uuid{}, org, from.vault, from.version, limit}));
  std::vector<crypto::WrappedKek> keks;
  for (int row = 0; row < rows.size(); ++row) {
    const ByteView blob = rows.Blob(row, 4);
    const ByteView check = rows.Blob(row, 5);
    keks.push_back(
        {{rows.IdAt<OrgId>(row, 0), rows.IdAt<VaultId>(row, 1), static_cast<uint32_t>(rows.Int4(row, 2))},
         static_cast<uint32_t>(rows.Int4(row, 3)),
         Bytes(blob.begin(), blob.end()),
         Bytes(check.begin(), check.end())});
  }
  return keks;
}

Result<Left> CountLeft(schema::Connection& connection, uint32_t version) {
  TRY(const auto rows, connection.Run(kCountLeft, {version}));
  return Left{rows.Int8(0, 0), rows.Int8(0, 1)};
}

Result<std::vector<LeftVault>> FindLeft(schema::Connection& connection, uint32_t version, int64_t limit) {
  TRY(const auto rows, connection.Run(kFindLeft, {version, limit}));
  std::vector<LeftVault> left;
  for (int row = 0; row < rows.size(); ++row) {
    LeftVault& vault = left.emplace_back();
    vault.org = rows.IdAt<OrgId>(row, 0);
    vault.vault = rows.IdAt<VaultId>(row, 1);
    if (!rows.IsNull(row, 2)) vault.rotation = ParseRotationState(rows.Text(row, 2));
    if (!rows.IsNull(row, 3)) vault.error = rows.Text(row, 3);
    if (!rows.IsNull(row, 4)) vault.token = rows.Text(row, 4);
  }
  return left;
}

}  // namespace claviger::api::root_store
