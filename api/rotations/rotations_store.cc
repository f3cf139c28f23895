#include "api/rotations/rotations_store.h"

namespace claviger::api::rotations_store {
namespace {

using schema::Rows;
using schema::Statement;

#define COLUMNS                                                                                              \
  "org_id, id, vault_id, state, requested_by, key_version, total, resealed, error, created_at, started_at, " \
  "updated_at, finished_at"
// A node says so again with each step, and a step takes no longer than some limits of the HSM's and the
// database's.
#define LEASE "now() + interval '30 seconds'"
#define WHERE_VAULT_KEY "WHERE org_id = $1 AND id = $2 AND kind = 'vault'"
#define WHERE_CLAIMED "WHERE org_id = $1 AND id = $2 AND fence = $3 AND state = 'running'"

constexpr Statement kInsert{
    "rotations_insert",
    "INSERT INTO rotations (org_id, id, kind, vault_id, state, requested_by, created_at, "
    "updated_at) VALUES ($1, $2, 'vault', $3, 'pending', $4, $5, $5)"};

constexpr Statement kPrune{
    "rotations_prune",
    "DELETE FROM rotations WHERE org_id = $1 AND vault_id = $2 AND kind = 'vault' AND state = 'done' "
    "AND id NOT IN (SELECT id FROM rotations WHERE org_id = $1 AND vault_id = $2 AND kind = 'vault' "
    "AND state = 'done' ORDER BY id DESC LIMIT $3)"};

constexpr Statement kFind{"rotations_find", "SELECT " COLUMNS " FROM rotations " WHERE_VAULT_KEY, true};

// Ids are UUIDv7: their order is the order of creation.
constexpr Statement kList{"rotations_list",
                          "SELECT " COLUMNS
                          " FROM rotations WHERE org_id = $1 AND kind = 'vault' "
                          "AND ($2::uuid IS NULL OR id > $2) ORDER BY id LIMIT $3",
                          true};

constexpr Statement kLock{"rotations_lock",
                          "SELECT " COLUMNS " FROM rotations " WHERE_VAULT_KEY " FOR NO KEY UPDATE"};

constexpr Statement kSetState{
    "rotations_set_state",
    "UPDATE rotations SET state = $3, updated_at = $4, error = NULL, lease_owner = NULL, lease_until = NULL "
    "WHERE org_id = $1 AND id = $2"};

constexpr Statement kTakeNext{
    "rotations_take_next",
    "UPDATE rotations SET state = 'running', fence = fence + 1, lease_owner = $1, lease_until = " LEASE
    ", started_at = coalesce(started_at, $2), updated_at = $2 WHERE (org_id, id) = "
    "(SELECT org_id, id FROM rotations WHERE kind = 'vault' AND (state = 'pending' OR (state = 'running' AND "
    "(lease_until <= now() OR lease_owner = $1))) ORDER BY updated_at, id LIMIT 1 "
    "FOR NO KEY UPDATE SKIP LOCKED) "
    "RETURNING " COLUMNS ", fence"};

constexpr Statement kBegin{
    "rotations_begin",
    "UPDATE rotations SET key_version = $4, total = $5, updated_at = $6, lease_until = " LEASE
    " " WHERE_CLAIMED};

constexpr Statement kAdvance{
    "rotations_advance",
    "UPDATE rotations SET resealed = resealed + $4, updated_at = $5, lease_until = " LEASE " " WHERE_CLAIMED};

constexpr Statement kFinish{
    "rotations_finish",
    "UPDATE rotations SET state = 'done', finished_at = $4, updated_at = $4, lease_owner = NULL, "
    "lease_until = NULL " WHERE_CLAIMED};

constexpr Statement kFail{
    "rotations_fail",
    "UPDATE rotations SET state = 'failed', error = $4, updated_at = $5, lease_owner = NULL, "
    "lease_until = NULL " WHERE_CLAIMED};

constexpr Statement kRelease{"rotations_release", "UPDATE rotations SET lease_until = now() " WHERE_CLAIMED};

constexpr Statement kFindDue{
    "rotations_find_due",
    "SELECT v.org_id, v.id FROM vaults v JOIN vault_keks k "
    "ON k.org_id = v.org_id AND k.vault_id = v.id AND k.version = v.kek_version WHERE k.created_at < $1 "
    "AND NOT EXISTS (SELECT FROM rotations r WHERE r.org_id = v.org_id AND r.vault_id = v.id "
    "AND r.state <> 'done' AND NOT (r.kind = 'cmek' AND r.state = 'failed')) ORDER BY k.created_at LIMIT $2",
    true};

constexpr Statement kFindUnderOlderRoot{
    "rotations_find_under_older_root",
    "SELECT DISTINCT k.org_id, k.vault_id FROM vault_keks k WHERE k.root_version < $1 "
    "AND NOT EXISTS (SELECT FROM rotations r WHERE r.org_id = k.org_id AND r.vault_id = k.vault_id "
    "AND r.state <> 'done' AND NOT (r.kind = 'cmek' AND r.state = 'failed')) LIMIT $2",
    true};

constexpr Statement kCountUnfinished{
    "rotations_count_unfinished",
    "SELECT count(*) FROM rotations WHERE state IN ('pending', 'running') AND requested_by = $1", true};

#undef WHERE_CLAIMED
#undef WHERE_VAULT_KEY
#undef LEASE
#undef COLUMNS
constexpr int kFence = 13;  // behind the columns

std::optional<Time> TimeAt(const Rows& rows, int row, int column) {
  if (rows.IsNull(row, column)) return std::nullopt;
  return rows.Timestamp(row, column);
}

Rotation ReadRotation(const Rows& rows, int row) {
  Rotation rotation;
  rotation.org = rows.IdAt<OrgId>(row, 0);
  rotation.id = rows.IdAt<RotationId>(row, 1);
  rotation.vault = rows.IdAt<VaultId>(row, 2);
  rotation.state = ParseRotationState(rows.Text(row, 3)).value_or(RotationState::kFailed);
  rotation.requested_by = rows.Text(row, 4);
  if (!rows.IsNull(row, 5)) rotation.key_version = static_cast<uint32_t>(rows.Int4(row, 5));
  rotation.total = rows.Int8(row, 6);
  rotation.resealed = rows.Int8(row, 7);
  if (!rows.IsNull(row, 8)) rotation.error = rows.Text(row, 8);
  rotation.created_at = rows.Timestamp(row, 9);
  rotation.started_at = TimeAt(rows, row, 10);
  rotation.updated_at = rows.Timestamp(row, 11);
  rotation.finished_at = TimeAt(rows, row, 12);
  return rotation;
}

Result<std::optional<Rotation>> One(Result<Rows> result) {
  TRY(const auto rows, std::move(result));
  if (rows.empty()) return std::nullopt;
  return ReadRotation(rows, 0);
}

Result<bool> Touched(Result<Rows> result) {
  TRY(const auto rows, std::move(result));
  return rows.affected() == 1;
}

Result<std::vector<DueVault>> Vaults(Result<Rows> result) {
  TRY(const auto rows, std::move(result));
  std::vector<DueVault> vaults;
  for (int row = 0; row < rows.size(); ++row) {
    vaults.push_back({rows.IdAt<OrgId>(row, 0), rows.IdAt<VaultId>(row, 1)});
  }
  return vaults;
}

}  // namespace

schema::Connection::Call Insert(const Rotation& rotation) {
  return {kInsert, {rotation.org, rotation.id, rotation.vault, rotation.requested_by, rotation.created_at}};
}

schema::Connection::Call Prune(const OrgId& org, const VaultId& vault, int64_t kept) {
  return {kPrune, {org, vault, kept}};
}

Result<std::optional<Rotation>> Find(schema::Connection& connection, const OrgId& org, const RotationId& id) {
  return One(connection.Run(kFind, {org, id}));
}

Result<std::vector<Rotation>> List(schema::Connection& connection, const OrgId& org,
                                   const std::optional<RotationId>& after, int64_t limit) {
  TRY(const auto rows, connection.Run(kList, {org, after, limit}));
  std::vector<Rotation> rotations;
  rotations.reserve(rows.size());
  for (int row = 0; row < rows.size(); ++row) rotations.push_back(ReadRotation(rows, row));
  return rotations;
}

Result<std::optional<Rotation>> Lock(schema::Connection& connection, const OrgId& org, const RotationId& id) {
  return One(connection.Run(kLock, {org, id}));
}

Status SetState(schema::Connection& connection, const Rotation& rotation, RotationState state, Time now) {
  TRYV(connection.Run(kSetState, {rotation.org, rotation.id, Name(state), now}));
  return Ok();
}

Result<std::optional<Claim>> TakeNext(schema::Connection& connection, const Uuid& node, Time now) {
  TRY(const auto rows, connection.Run(kTakeNext, {node, now}));
  if (rows.empty()) return std::nullopt;
  return Claim{ReadRotation(rows, 0), rows.Int8(0, kFence)};
}

Result<bool> Begin(schema::Connection& connection, const Claim& claim, uint32_t key_version, int64_t total,
                   Time now) {
  return Touched(
      connection.Run(kBegin, {claim.rotation.org, claim.rotation.id, claim.fence, key_version, total, now}));
}

Result<bool> Advance(schema::Connection& connection, const Claim& claim, int64_t resealed, Time now) {
  return Touched(
      connection.Run(kAdvance, {claim.rotation.org, claim.rotation.id, claim.fence, resealed, now}));
}

Result<bool> Finish(schema::Connection& connection, const Claim& claim, Time now) {
  return Touched(connection.Run(kFinish, {claim.rotation.org, claim.rotation.id, claim.fence, now}));
}

Result<bool> Fail(schema::Connection& connection, const Claim& claim, std::string_view error, Time now) {
  return Touched(connection.Run(kFail, {claim.rotation.org, claim.rotation.id, claim.fence, error, now}));
}

Status Release(schema::Connection& connection, const Claim& claim) {
  TRYV(connection.Run(kRelease, {claim.rotation.org, claim.rotation.id, claim.fence}));
  return Ok();
}

Result<std::vector<DueVault>> FindDue(schema::Connection& connection, Time before, int64_t limit) {
  return Vaults(connection.Run(kFindDue, {before, limit}));
}

Result<std::vector<DueVault>> FindUnderOlderRoot(schema::Connection& connection, uint32_t version,
                                                 int64_t limit) {
  return Vaults(connection.Run(kFindUnderOlderRoot, {version, limit}));
}

Result<int64_t> CountUnfinished(schema::Connection& connection, std::string_view requested_by) {
  TRY(const auto rows, connection.Run(kCountUnfinished, {requested_by}));
  return rows.Int8(0, 0);
}

}  // namespace claviger::api::rotations_store
