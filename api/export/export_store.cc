#include "api/export/export_store.h"

#include "api/audit/audit_store.h"

namespace claviger::api::export_store {
namespace {

constexpr schema::Statement kLook = {
    "export_look",
    "SELECT at.checkpoint, at.newest, now(),"
    "       (SELECT created_at FROM audit_checkpoints WHERE number = at.checkpoint + 1)"
    "  FROM (SELECT coalesce((SELECT checkpoint FROM audit_exports WHERE name = $1), 0) AS checkpoint,"
    "               coalesce((SELECT max(number) FROM audit_checkpoints), 0) AS newest) at",
    true};

constexpr schema::Statement kClaim = {
    "export_claim",
    "INSERT INTO audit_exports (name, checkpoint, holder, leased_until)"
    " VALUES ($1, 0, $2, now() + $3 * interval '1 millisecond')"
    " ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, leased_until = excluded.leased_until"
    " WHERE audit_exports.holder = excluded.holder OR audit_exports.leased_until < now()",
    true};

constexpr schema::Statement kAdvance = {
    "export_advance",
    "UPDATE audit_exports SET checkpoint = greatest(checkpoint, $3) WHERE name = $1 AND holder = $2", true};

constexpr schema::Statement kRelease = {
    "export_release", "UPDATE audit_exports SET leased_until = '-infinity' WHERE name = $1 AND holder = $2",
    true};

constexpr schema::Statement kLoadRecords = {
    "export_load_records",
    "SELECT e.org_id, e.id, e.actor_type, e.actor_id, e.action, e.resource_type, e.resource_id, e.outcome,"
    "       e.details, e.ip_address, e.request_id, e.created_at,"
    "       l.sequence, l.prev_event_id, l.integrity_hash, l.checkpoint"
    "  FROM audit_links l JOIN audit_events e ON e.org_id = l.org_id AND e.id = l.event_id"
    " WHERE l.checkpoint > $1 AND l.checkpoint <= $2"
    " ORDER BY l.checkpoint, l.org_id, l.sequence",
    true};

constexpr int64_t kMaxRecords = 1000;
constexpr int64_t kMaxCheckpoints = 100;
constexpr int kCheckpointColumn = 15;

// As many of the checkpoints as hold so many records; one at least.
size_t Fitting(const std::vector<crypto::AuditCheckpoint>& checkpoints) {
  const uint64_t first_total = checkpoints.front().total_records;
  size_t count = 1;
  while (count < checkpoints.size() &&
         checkpoints[count].total_records - first_total <= static_cast<uint64_t>(kMaxRecords)) {
    ++count;
  }
  return count;
}

}  // namespace

Result<Position> Look(schema::Connection& connection, std::string_view name) {
  TRY(const auto rows, connection.Run(kLook, {name}));
  Position position;
  position.checkpoint = static_cast<uint64_t>(rows.Int8(0, 0));
  position.newest = static_cast<uint64_t>(rows.Int8(0, 1));
  position.now = rows.Timestamp(0, 2);
  if (!rows.IsNull(0, 3)) position.waits_since = rows.Timestamp(0, 3);
  return position;
}

Result<bool> Claim(schema::Connection& connection, std::string_view name, const Uuid& holder,
                   std::chrono::milliseconds lease) {
  TRY(const auto rows, connection.Run(kClaim, {name, holder, static_cast<int64_t>(lease.count())}));
  return rows.affected() == 1;
}

Result<bool> Advance(schema::Connection& connection, std::string_view name, const Uuid& holder,
                     uint64_t checkpoint) {
  TRY(const auto rows, connection.Run(kAdvance, {name, holder, checkpoint}));
  return rows.affected() == 1;
}

Status Release(schema::Connection& connection, std::string_view name, const Uuid& holder) {
  TRYV(connection.Run(kRelease, {name, holder}));
  return Ok();
}

Result<ExportBatch> LoadSealed(schema::Connection& connection, uint64_t after) {
  ExportBatch batch;
  TRY(auto checkpoints, audit_store::LoadCheckpoints(connection, after, kMaxCheckpoints));
  if (checkpoints.empty()) return batch;
  checkpoints.resize(Fitting(checkpoints));
  for (auto& checkpoint : checkpoints) batch.sealed.push_back({std::move(checkpoint), {}});
  const auto last = batch.sealed.back().checkpoint.number;
  TRY(const auto rows, connection.Run(kLoadRecords, {after, last}));
  auto at = batch.sealed.begin();
  for (int i = 0; i < rows.size(); ++i) {
    const auto number = static_cast<uint64_t>(rows.Int8(i, kCheckpointColumn));
    while (at != batch.sealed.end() && at->checkpoint.number < number) ++at;
    if (at == batch.sealed.end()) break;
    at->records.push_back(audit_store::ReadLinked(rows, i));
  }
  return batch;
}

}  // namespace claviger::api::export_store
