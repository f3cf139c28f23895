#include "api/audit/audit_store.h"

#include <nlohmann/json.hpp>

namespace claviger::api::audit_store {
namespace {

constexpr schema::Statement kInsert = {
    "audit_insert",
    "WITH event AS ("
    "  INSERT INTO audit_events (org_id, id, actor_type, actor_id, action, resource_type, resource_id,"
    "                            outcome, details, ip_address, request_id, created_at)"
    "  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING org_id, id)"
    "INSERT INTO audit_pending (org_id, event_id) SELECT org_id, id FROM event"};

// Repeatable: the second time finds the rows of the first and queues nothing.
constexpr schema::Statement kInsertAll = {
    "audit_insert_all",
    "WITH event AS ("
    "  INSERT INTO audit_events (org_id, id, actor_type, actor_id, action, resource_type, resource_id,"
    "                            outcome, details, ip_address, request_id, created_at)"
    "  SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[],"
    "                       $7::text[], $8::text[], $9::text[], $10::text[], $11::text[],"
    "                       $12::timestamptz[])"
    "  ON CONFLICT (org_id, id) DO NOTHING RETURNING org_id, id)"
    "INSERT INTO audit_pending (org_id, event_id) SELECT org_id, id FROM event",
    true};

// Links are looked up for the page alone, and details are parsed only if they hold the path at all, as JSON
// spells it.
constexpr schema::Statement kFindEvents = {
    "audit_find_events",
    "SELECT e.org_id, e.id, e.actor_type, e.actor_id, e.action, e.resource_type, e.resource_id, e.outcome,"
    "       e.details, e.ip_address, e.request_id, e.created_at,"
    "       l.sequence, l.prev_event_id, l.integrity_hash"
    "  FROM (SELECT * FROM audit_events"
    "         WHERE org_id = $1 AND id BETWEEN $2 AND $3 AND id <> $4"
    "           AND ($5::text IS NULL OR resource_type = $5)"
    "           AND ($6::text IS NULL OR resource_id = $6"
    "                OR (strpos(details, $14) > 0 AND details::json ->> 'path' = $6))"
    "           AND ($7::text IS NULL OR actor_id = $7)"
    "           AND ($8::text IS NULL OR action = $8)"
    "           AND ($9::text IS NULL OR outcome = $9)"
    "           AND ($10::timestamptz IS NULL OR created_at >= $10)"
    "           AND ($11::timestamptz IS NULL OR created_at <= $11)"
    "         ORDER BY id DESC LIMIT $12 OFFSET $13) e"
    "  LEFT JOIN audit_links l ON l.org_id = e.org_id AND l.event_id = e.id"
    " ORDER BY e.id DESC",
    true};

constexpr schema::Statement kLoadLinked = {
    "audit_load_linked",
    "SELECT e.org_id, e.id, e.actor_type, e.actor_id, e.action, e.resource_type, e.resource_id, e.outcome,"
    "       e.details, e.ip_address, e.request_id, e.created_at,"
    "       l.sequence, l.prev_event_id, l.integrity_hash"
    "  FROM audit_links l JOIN audit_events e ON e.org_id = l.org_id AND e.id = l.event_id"
    " WHERE l.org_id = $1 AND l.sequence > $2 AND l.checkpoint <= $3"
    " ORDER BY l.sequence LIMIT $4",
    true};

// By the ids of events, which carry their time: the index on them leads to the two places.
constexpr schema::Statement kFindBounds = {
    "audit_find_bounds",
    "SELECT (SELECT c.number FROM audit_links l JOIN audit_checkpoints c ON c.number = l.checkpoint"
    "         WHERE l.org_id = $1 AND l.event_id < $2 AND c.created_at < $3"
    "         ORDER BY l.event_id DESC LIMIT 1),"
    "       (SELECT c.number FROM audit_links l JOIN audit_checkpoints c ON c.number = l.checkpoint"
    "         WHERE l.org_id = $1 AND l.event_id > $4 AND c.created_at > $5"
    "         ORDER BY l.event_id LIMIT 1)",
    true};

constexpr schema::Statement kLoadCheckpoints = {
    "audit_load_checkpoints",
    "SELECT number, previous_hash, root, total_records, created_at, kid, signature"
    "  FROM audit_checkpoints WHERE number > $1 ORDER BY number LIMIT $2",
    true};

constexpr schema::Statement kLoadLeaves = {"audit_load_leaves",
                                           "SELECT checkpoint, tag, count, head FROM audit_leaves"
                                           " WHERE checkpoint BETWEEN $1 AND $2 ORDER BY checkpoint, tag",
                                           true};

constexpr Uuid kGreatestUuid = {
    {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}};

std::vector<std::string> Column(const std::vector<const crypto::AuditRecord*>& records,
                                std::string crypto::AuditRecord::*member) {
  std::vector<std::string> values;
  values.reserve(records.size());
  for (const auto* record : records) values.push_back(record->*member);
  return values;
}

// The columns behind the record's.
AuditEvent::Link ReadLink(const schema::Rows& rows, int row) {
  AuditEvent::Link link;
  link.sequence = static_cast<uint64_t>(rows.Int8(row, 12));
  if (!rows.IsNull(row, 13)) link.previous_id = rows.IdAt<EventId>(row, 13);
  link.integrity_hash = ReadDigest(rows, row, 14);
  return link;
}

}  // namespace

crypto::Digest ReadDigest(const schema::Rows& rows, int row, int column) {
  crypto::Digest digest{};
  const ByteView stored = rows.Blob(row, column);
  std::copy_n(stored.begin(), std::min(stored.size(), digest.size()), digest.begin());
  return digest;
}

crypto::AuditRecord ReadRecord(const schema::Rows& rows, int row, int first) {
  crypto::AuditRecord record;
  record.org = rows.IdAt<OrgId>(row, first);
  record.id = rows.IdAt<EventId>(row, first + 1);
  record.actor_type = rows.Text(row, first + 2);
  record.actor_id = rows.Text(row, first + 3);
  record.action = rows.Text(row, first + 4);
  record.resource_type = rows.Text(row, first + 5);
  record.resource_id = rows.Text(row, first + 6);
  record.outcome = rows.Text(row, first + 7);
  record.details = rows.Text(row, first + 8);
  record.ip_address = rows.Text(row, first + 9);
  record.request_id = rows.Text(row, first + 10);
  record.created_at = rows.Timestamp(row, first + 11);
  return record;
}

crypto::AuditVerifier::LinkedRecord ReadLinked(const schema::Rows& rows, int row) {
  const auto link = ReadLink(rows, row);
  return {ReadRecord(rows, row, 0), link.sequence, link.previous_id, link.integrity_hash};
}

crypto::AuditCheckpoint ReadCheckpoint(const schema::Rows& rows, int row) {
  crypto::AuditCheckpoint checkpoint;
  checkpoint.number = static_cast<uint64_t>(rows.Int8(row, 0));
  checkpoint.previous = ReadDigest(rows, row, 1);
  checkpoint.root = ReadDigest(rows, row, 2);
  checkpoint.total_records = static_cast<uint64_t>(rows.Int8(row, 3));
  checkpoint.created_at = rows.Timestamp(row, 4);
  checkpoint.kid = rows.Text(row, 5);
  const ByteView signature = rows.Blob(row, 6);
  checkpoint.signature.assign(signature.begin(), signature.end());
  return checkpoint;
}

schema::Connection::Call InsertCall(const crypto::AuditRecord& record) {
  return {kInsert,
          {record.org, record.id, record.actor_type, record.actor_id, record.action, record.resource_type,
           record.resource_id, record.outcome, record.details, record.ip_address, record.request_id,
           record.created_at}};
}

Status InsertAll(schema::Connection& connection, const std::vector<const crypto::AuditRecord*>& records) {
  using Record = crypto::AuditRecord;
  using schema::Param;
  std::vector<Uuid> orgs;
  std::vector<Uuid> ids;
  std::vector<Time> times;
  for (const auto* record : records) {
    orgs.push_back(record->org.uuid);
    ids.push_back(record->id.uuid);
    times.push_back(record->created_at);
  }
  TRYV(connection.Run(
      kInsertAll,
      {Param::UuidArray(orgs), Param::UuidArray(ids), Param::TextArray(Column(records, &Record::actor_type)),
       Param::TextArray(Column(records, &Record::actor_id)),
       Param::TextArray(Column(records, &Record::action)),
       Param::TextArray(Column(records, &Record::resource_type)),
       Param::TextArray(Column(records, &Record::resource_id)),
       Param::TextArray(Column(records, &Record::outcome)),
       Param::TextArray(Column(records, &Record::details)),
       Param::TextArray(Column(records, &Record::ip_address)),
       Param::TextArray(Column(records, &Record::request_id)), Param::TimeArray(times)}));
  return Ok();
}

Result<std::vector<AuditEvent>> FindEvents(schema::Connection& connection, const OrgId& org,
                                           const AuditEventFilter& filter) {
  // Ids carry the time: bounded, the index (org_id, id) reads only what lies between.
  const Uuid first = FirstUuidV7(filter.from.value_or(Time{}));
  const EventId before = filter.before.value_or(EventId{kGreatestUuid});
  const Uuid last = std::min(filter.to ? LastUuidV7(*filter.to) : kGreatestUuid, before.uuid);
  TRY(const auto rows,
      connection.Run(kFindEvents,
                     {org, first, last, before, filter.resource_type, filter.resource_id, filter.actor_id,
                      filter.action, filter.outcome, filter.from, filter.to, filter.limit, filter.offset,
                      DumpJson(Json(filter.resource_id.value_or("")))}));
  std::vector<AuditEvent> events;
  events.reserve(static_cast<size_t>(rows.size()));
  for (int i = 0; i < rows.size(); ++i) {
    AuditEvent event{ReadRecord(rows, i, 0), {}};
    if (!rows.IsNull(i, 12)) event.link = ReadLink(rows, i);
    events.push_back(std::move(event));
  }
  return events;
}

Result<std::vector<crypto::AuditVerifier::LinkedRecord>> LoadLinked(schema::Connection& connection,
                                                                    const OrgId& org, uint64_t after,
                                                                    uint64_t until, int64_t limit) {
  TRY(const auto rows, connection.Run(kLoadLinked, {org, after, until, limit}));
  std::vector<crypto::AuditVerifier::LinkedRecord> links;
  links.reserve(static_cast<size_t>(rows.size()));
  for (int i = 0; i < rows.size(); ++i) links.push_back(ReadLinked(rows, i));
  return links;
}

Result<Bounds> FindBounds(schema::Connection& connection, const OrgId& org, Time from, Time to) {
  TRY(const auto rows, connection.Run(kFindBounds, {org, FirstUuidV7(from), from, LastUuidV7(to), to}));
  const auto number = [&rows](int column) {
    return rows.IsNull(0, column) ? std::nullopt : std::optional(static_cast<uint64_t>(rows.Int8(0, column)));
  };
  return Bounds{number(0), number(1)};
}

Result<std::vector<crypto::AuditCheckpoint>> LoadCheckpoints(schema::Connection& connection, uint64_t after,
                                                             int64_t limit) {
  TRY(const auto rows, connection.Run(kLoadCheckpoints, {after, limit}));
  std::vector<crypto::AuditCheckpoint> checkpoints;
  for (int i = 0; i < rows.size(); ++i) checkpoints.push_back(ReadCheckpoint(rows, i));
  if (checkpoints.empty()) return checkpoints;

  TRY(const auto leaves,
      connection.Run(kLoadLeaves, {checkpoints.front().number, checkpoints.back().number}));
  size_t at = 0;
  for (int i = 0; i < leaves.size(); ++i) {
    const auto number = static_cast<uint64_t>(leaves.Int8(i, 0));
    while (at < checkpoints.size() && checkpoints[at].number < number) ++at;
    if (at == checkpoints.size()) break;
    checkpoints[at].leaves.push_back(
        {ReadDigest(leaves, i, 1), static_cast<uint64_t>(leaves.Int8(i, 2)), ReadDigest(leaves, i, 3)});
  }
  return checkpoints;
}

}  // namespace claviger::api::audit_store
