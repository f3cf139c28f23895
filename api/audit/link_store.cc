#include "api/audit/link_store.h"

#include "api/audit/audit_store.h"

namespace claviger::api::link_store {
namespace {

// "clavaudi": one lock of this name per database.
constexpr int64_t kLock = 0x636C617661756469;

constexpr schema::Statement kTryLock = {"audit_try_lock", "SELECT pg_try_advisory_xact_lock($1)"};

// Ids of version 7 ascend with time: the index on event_id finds the oldest without reading the whole queue.
constexpr schema::Statement kLoadPending = {
    "audit_load_pending",
    "SELECT p.event_id,"
    "       e.org_id, e.id, e.actor_type, e.actor_id, e.action, e.resource_type, e.resource_id, e.outcome,"
    "       e.details, e.ip_address, e.request_id, e.created_at"
    "  FROM (SELECT org_id, event_id FROM audit_pending WHERE event_id > $1 ORDER BY event_id LIMIT $2) p"
    "  LEFT JOIN audit_events e ON e.org_id = p.org_id AND e.id = p.event_id"
    " ORDER BY e.created_at, e.id",
    true};

constexpr schema::Statement kRemovePending = {"audit_remove_pending",
                                              "DELETE FROM audit_pending WHERE event_id = ANY ($1::uuid[])"};

// The index is by organisation first: it is asked for the next organisation until there is none, and for the
// range of each. Links are looked up one by one, which stays cheap however long the chains are.
constexpr schema::Statement kQueueUnlinked = {
    "audit_queue_unlinked",
    "WITH RECURSIVE org (id) AS ("
    "    (SELECT org_id FROM audit_events ORDER BY org_id LIMIT 1)"
    "  UNION ALL"
    "    SELECT (SELECT e.org_id FROM audit_events e WHERE e.org_id > org.id ORDER BY e.org_id LIMIT 1)"
    "      FROM org WHERE org.id IS NOT NULL),"
    " unlinked AS MATERIALIZED ("
    "    SELECT u.org_id, u.id FROM org CROSS JOIN LATERAL ("
    "        SELECT e.org_id, e.id FROM audit_events e"
    "         WHERE e.org_id = org.id AND e.id >= $1 AND e.id < $2"
    "           AND (SELECT l.sequence FROM audit_links l"
    "                 WHERE l.org_id = e.org_id AND l.event_id = e.id) IS NULL"
    "        OFFSET 0) u"
    "     LIMIT $3),"
    " queued AS ("
    "    INSERT INTO audit_pending (org_id, event_id) SELECT org_id, id FROM unlinked"
    "        ON CONFLICT (event_id) DO NOTHING RETURNING event_id)"
    "SELECT (SELECT count(*) FROM unlinked), (SELECT count(*) FROM queued)"};

constexpr schema::Statement kLoadChainEnds = {
    "audit_load_chain_ends",
    "SELECT o.org_id, l.sequence, l.event_id, l.integrity_hash"
    "  FROM unnest($1::uuid[]) AS o (org_id)"
    " CROSS JOIN LATERAL (SELECT sequence, event_id, integrity_hash FROM audit_links"
    "                      WHERE org_id = o.org_id ORDER BY sequence DESC LIMIT 1) l",
    true};

constexpr schema::Statement kLoadLastCheckpoint = {
    "audit_load_last_checkpoint",
    "SELECT number, previous_hash, root, total_records, created_at, kid, signature"
    "  FROM audit_checkpoints ORDER BY number DESC LIMIT 1",
    true};

constexpr schema::Statement kLoadLastLeaves = {
    "audit_load_last_leaves", "SELECT tag, count, head FROM audit_leaves WHERE checkpoint = $1 ORDER BY tag",
    true};

constexpr schema::Statement kLoadCheckpointAndLast = {
    "audit_load_checkpoint_and_last",
    "SELECT number, previous_hash, root, total_records, created_at, kid, signature FROM audit_checkpoints"
    " WHERE number = $1 OR number = (SELECT max(number) FROM audit_checkpoints) ORDER BY number",
    true};

constexpr schema::Statement kMakeMonths = {"audit_make_months", "SELECT make_audit_months()"};

constexpr schema::Statement kInsertCheckpoint = {
    "audit_insert_checkpoint",
    "INSERT INTO audit_checkpoints (number, previous_hash, root, total_records, created_at, kid, signature)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7)"};

constexpr schema::Statement kInsertLeaves = {
    "audit_insert_leaves",
    "INSERT INTO audit_leaves (checkpoint, tag, count, head)"
    " SELECT $1, * FROM unnest($2::bytea[], $3::bigint[], $4::bytea[])"};

constexpr schema::Statement kInsertLinks = {
    "audit_insert_links",
    "INSERT INTO audit_links (checkpoint, org_id, sequence, event_id, prev_event_id, integrity_hash)"
    " SELECT $1, r.org_id, r.sequence, r.event_id,"
    "        NULLIF(r.prev_event_id, '00000000-0000-0000-0000-000000000000'), r.integrity_hash"
    "   FROM unnest($2::uuid[], $3::bigint[], $4::uuid[], $5::uuid[], $6::bytea[])"
    "     AS r (org_id, sequence, event_id, prev_event_id, integrity_hash)"};

Bytes ToBytes(const crypto::Digest& digest) { return {digest.begin(), digest.end()}; }

}  // namespace

Result<bool> TryLock(schema::Connection& connection) {
  TRY(const auto rows, connection.Run(kTryLock, {kLock}));
  return rows.Bool(0, 0);
}

Result<Pending> LoadPending(schema::Connection& connection, const EventId& after, int64_t limit) {
  TRY(const auto rows, connection.Run(kLoadPending, {after, limit}));
  Pending pending;
  for (int i = 0; i < rows.size(); ++i) {
    pending.last = std::max(pending.last, rows.IdAt<EventId>(i, 0));
    if (rows.IsNull(i, 2)) {
      pending.missing.push_back(rows.IdAt<EventId>(i, 0));
    } else {
      pending.records.push_back(audit_store::ReadRecord(rows, i, 1));
    }
  }
  return pending;
}

Result<Unlinked> QueueUnlinked(schema::Connection& connection, Time from, Time until, int64_t limit) {
  TRY(const auto rows, connection.Run(kQueueUnlinked, {FirstUuidV7(from), FirstUuidV7(until), limit}));
  return Unlinked{rows.Int8(0, 0), rows.Int8(0, 1)};
}

Status RemovePending(schema::Connection& connection, const std::vector<crypto::AuditRecord>& records) {
  std::vector<Uuid> ids;
  ids.reserve(records.size());
  for (const auto& record : records) ids.push_back(record.id.uuid);
  TRYV(connection.Run(kRemovePending, {schema::Param::UuidArray(ids)}));
  return Ok();
}

Result<std::map<OrgId, ChainEnd>> LoadChainEnds(schema::Connection& connection,
                                                const std::vector<OrgId>& orgs) {
  std::vector<Uuid> uuids;
  uuids.reserve(orgs.size());
  for (const auto& org : orgs) uuids.push_back(org.uuid);
  TRY(const auto rows, connection.Run(kLoadChainEnds, {schema::Param::UuidArray(uuids)}));
  std::map<OrgId, ChainEnd> ends;
  for (int i = 0; i < rows.size(); ++i) {
    ends[rows.IdAt<OrgId>(i, 0)] = {static_cast<uint64_t>(rows.Int8(i, 1)), rows.IdAt<EventId>(i, 2),
                                    audit_store::ReadDigest(rows, i, 3)};
  }
  return ends;
}

Result<std::optional<crypto::AuditCheckpoint>> LoadLastCheckpoint(schema::Connection& connection) {
  TRY(const auto rows, connection.Run(kLoadLastCheckpoint, {}));
  std::optional<crypto::AuditCheckpoint> last;
  if (rows.empty()) return last;
  last = audit_store::ReadCheckpoint(rows, 0);
  TRY(const auto leaves, connection.Run(kLoadLastLeaves, {last->number}));
  for (int i = 0; i < leaves.size(); ++i) {
    last->leaves.push_back({audit_store::ReadDigest(leaves, i, 0), static_cast<uint64_t>(leaves.Int8(i, 1)),
                            audit_store::ReadDigest(leaves, i, 2)});
  }
  return last;
}

Result<std::vector<crypto::AuditCheckpoint>> LoadCheckpointAndLast(schema::Connection& connection,
                                                                   uint64_t number) {
  TRY(const auto rows, connection.Run(kLoadCheckpointAndLast, {number}));
  std::vector<crypto::AuditCheckpoint> checkpoints;
  for (int i = 0; i < rows.size(); ++i) checkpoints.push_back(audit_store::ReadCheckpoint(rows, i));
  return checkpoints;
}

Result<int32_t> MakeMonths(schema::Connection& connection) {
  TRY(const auto rows, connection.Run(kMakeMonths, {}));
  return rows.Int4(0, 0);
}

Status InsertCheckpoint(schema::Connection& connection, const crypto::AuditCheckpoint& checkpoint) {
  TRYV(connection.Run(kInsertCheckpoint, {checkpoint.number, ByteView(checkpoint.previous),
                                          ByteView(checkpoint.root), checkpoint.total_records,
                                          checkpoint.created_at, checkpoint.kid, checkpoint.signature}));
  std::vector<Bytes> tags;
  std::vector<int64_t> counts;
  std::vector<Bytes> heads;
  for (const auto& leaf : checkpoint.leaves) {
    tags.push_back(ToBytes(leaf.tag));
    counts.push_back(static_cast<int64_t>(leaf.count));
    heads.push_back(ToBytes(leaf.head));
  }
  TRYV(connection.Run(kInsertLeaves, {checkpoint.number, schema::Param::ByteaArray(tags),
                                      schema::Param::Int8Array(counts), schema::Param::ByteaArray(heads)}));
  return Ok();
}

Status InsertLinks(schema::Connection& connection, uint64_t checkpoint,
                   const std::vector<crypto::AuditVerifier::LinkedRecord>& links) {
  std::vector<Uuid> orgs;
  std::vector<int64_t> sequences;
  std::vector<Uuid> events;
  std::vector<Uuid> previous;
  std::vector<Bytes> hashes;
  for (const auto& link : links) {
    orgs.push_back(link.record.org.uuid);
    sequences.push_back(static_cast<int64_t>(link.sequence));
    events.push_back(link.record.id.uuid);
    previous.push_back(link.previous_id.value_or(EventId{}).uuid);
    hashes.push_back(ToBytes(link.integrity_hash));
  }
  using schema::Param;
  TRYV(connection.Run(kInsertLinks,
                      {checkpoint, Param::UuidArray(orgs), Param::Int8Array(sequences),
                       Param::UuidArray(events), Param::UuidArray(previous), Param::ByteaArray(hashes)}));
  return Ok();
}

}  // namespace claviger::api::link_store
