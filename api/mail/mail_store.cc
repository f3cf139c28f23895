#include "api/mail/mail_store.h"

namespace claviger::api::mail_store {
namespace {

using schema::Statement;

constexpr Statement kInsert = {
    "mail_insert",
    "INSERT INTO outbox (id, recipient, sealed, next_attempt_at, created_at) SELECT $1, $2, $3, $4, $4"
    " WHERE (SELECT count(*) FROM (SELECT FROM outbox WHERE refused_at IS NULL LIMIT $5) waiting) < $5"};

constexpr Statement kHasRoom = {
    "mail_has_room",
    "SELECT count(*) < $1 FROM (SELECT FROM outbox WHERE refused_at IS NULL LIMIT $1) waiting", true};

constexpr Statement kLockNext = {"mail_lock_next",
                                 "SELECT id, recipient, sealed, attempts, created_at FROM outbox"
                                 " WHERE refused_at IS NULL AND next_attempt_at <= $1"
                                 " ORDER BY next_attempt_at LIMIT 1 FOR UPDATE SKIP LOCKED"};

constexpr Statement kCountAttempt = {
    "mail_count_attempt", "UPDATE outbox SET attempts = attempts + 1, next_attempt_at = $2 WHERE id = $1"};

constexpr Statement kPostpone = {"mail_postpone", "UPDATE outbox SET next_attempt_at = $2 WHERE id = $1"};

constexpr Statement kDelete = {"mail_delete", "DELETE FROM outbox WHERE id = $1"};

constexpr Statement kRefuse = {
    "mail_refuse", "UPDATE outbox SET sealed = NULL, refused_at = $3, refusal = $2 WHERE id = $1"};

constexpr Statement kPurgeRefused = {"mail_purge_refused", "DELETE FROM outbox WHERE refused_at < $1", true};

constexpr Statement kCountWaiting = {"mail_count_waiting",
                                     "SELECT count(*) FROM outbox WHERE refused_at IS NULL", true};

}  // namespace

Result<bool> Insert(schema::Connection& connection, const MailId& id, std::string_view recipient,
                    ByteView sealed, Time now, int64_t limit) {
  TRY(const auto rows, connection.Run(kInsert, {id, recipient, sealed, now, limit}));
  return rows.affected() == 1;
}

Result<bool> HasRoom(schema::Connection& connection, int64_t limit) {
  TRY(const auto rows, connection.Run(kHasRoom, {limit}));
  return rows.Bool(0, 0);
}

Result<std::optional<Waiting>> LockNext(schema::Connection& connection, Time now) {
  TRY(const auto rows, connection.Run(kLockNext, {now}));
  if (rows.empty()) return std::nullopt;
  const ByteView sealed = rows.Blob(0, 2);
  return Waiting{rows.IdAt<MailId>(0, 0), std::string(rows.Text(0, 1)), Bytes(sealed.begin(), sealed.end()),
                 rows.Int4(0, 3), rows.Timestamp(0, 4)};
}

Status CountAttempt(schema::Connection& connection, const MailId& id, Time next) {
  TRYV(connection.Run(kCountAttempt, {id, next}));
  return Ok();
}

Status Postpone(schema::Connection& connection, const MailId& id, Time next) {
  TRYV(connection.Run(kPostpone, {id, next}));
  return Ok();
}

Status Delete(schema::Connection& connection, const MailId& id) {
  TRYV(connection.Run(kDelete, {id}));
  return Ok();
}

Status Refuse(schema::Connection& connection, const MailId& id, std::string_view why, Time now) {
  TRYV(connection.Run(kRefuse, {id, why, now}));
  return Ok();
}

Status PurgeRefused(schema::Connection& connection, Time before) {
  TRYV(connection.Run(kPurgeRefused, {before}));
  return Ok();
}

Result<int64_t> CountWaiting(schema::Connection& connection) {
  TRY(const auto rows, connection.Run(kCountWaiting, {}));
  return rows.Int8(0, 0);
}

}  // namespace claviger::api::mail_store
