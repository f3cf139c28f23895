#include "api/mail/mail_store.h"

#include "api/system_keks/system_keks_store.h"

namespace claviger::api::mail_store {
namespace {

using schema::Statement;

constexpr Statement kInsert = {
    "mail_insert",
    "INSERT INTO outbox (id, recipient, sealed, kek_version, next_attempt_at, created_at)"
    " SELECT $1, $2, $3, $4, $5, $5"
    " WHERE (SELECT count(*) FROM (SELECT FROM outbox WHERE refused_at IS NULL LIMIT $6) waiting) < $6"};

constexpr Statement kHasRoom = {
    "mail_has_room",
    "SELECT count(*) < $1 FROM (SELECT FROM outbox WHERE refused_at IS NULL LIMIT $1) waiting", true};

#define COLUMNS                                                                                              \
  "o.id, o.recipient, o.sealed, o.attempts, o.created_at, k.version, k.root_version, k.blob, k.check_record" \
  " FROM outbox o JOIN system_keks k ON k.version = o.kek_version"

constexpr Statement kLockNext = {"mail_lock_next", "SELECT " COLUMNS
                                                   " WHERE o.refused_at IS NULL AND o.next_attempt_at <= $1"
                                                   " ORDER BY o.next_attempt_at LIMIT 1"
                                                   " FOR UPDATE OF o SKIP LOCKED"};

constexpr Statement kFindOutdated = {"mail_find_outdated",
                                     "SELECT " COLUMNS " WHERE o.kek_version < $1 LIMIT $2", true};

#undef COLUMNS

constexpr Statement kCountOutdated = {"mail_count_outdated",
                                      "SELECT count(*) FROM outbox WHERE kek_version < $1", true};

constexpr Statement kReseal = {
    "mail_reseal", "UPDATE outbox SET sealed = $4, kek_version = $3 WHERE id = $1 AND sealed = $2"};

constexpr Statement kCountAttempt = {
    "mail_count_attempt", "UPDATE outbox SET attempts = attempts + 1, next_attempt_at = $2 WHERE id = $1"};

constexpr Statement kPostpone = {"mail_postpone", "UPDATE outbox SET next_attempt_at = $2 WHERE id = $1"};

constexpr Statement kDelete = {"mail_delete", "DELETE FROM outbox WHERE id = $1"};

constexpr Statement kRefuse = {
    "mail_refuse",
    "UPDATE outbox SET sealed = NULL, kek_version = NULL, refused_at = $3, refusal = $2"
    " WHERE id = $1"};

constexpr Statement kPurgeRefused = {"mail_purge_refused", "DELETE FROM outbox WHERE refused_at < $1", true};

constexpr Statement kCountWaiting = {"mail_count_waiting",
                                     "SELECT count(*) FROM outbox WHERE refused_at IS NULL", true};

Waiting ReadMail(const schema::Rows& rows, int row) {
  const ByteView sealed = rows.Blob(row, 2);
  return {rows.IdAt<MailId>(row, 0),
          std::string(rows.Text(row, 1)),
          Bytes(sealed.begin(), sealed.end()),
          system_keks_store::KekAt(rows, row, 5),
          rows.Int4(row, 3),
          rows.Timestamp(row, 4)};
}

}  // namespace

Result<bool> Insert(schema::Connection& connection, const NewMail& mail, int64_t limit) {
  TRY(const auto rows,
      connection.Run(kInsert, {mail.id, mail.recipient, mail.sealed, mail.kek_version, mail.now, limit}));
  return rows.affected() == 1;
}

Result<bool> HasRoom(schema::Connection& connection, int64_t limit) {
  TRY(const auto rows, connection.Run(kHasRoom, {limit}));
  return rows.Bool(0, 0);
}

Result<std::optional<Waiting>> LockNext(schema::Connection& connection, Time now) {
  TRY(const auto rows, connection.Run(kLockNext, {now}));
  if (rows.empty()) return std::nullopt;
  return ReadMail(rows, 0);
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

Result<std::vector<Waiting>> FindOutdated(schema::Connection& connection, uint32_t newest, int64_t limit) {
  TRY(const auto rows, connection.Run(kFindOutdated, {newest, limit}));
  std::vector<Waiting> found;
  for (int row = 0; row < rows.size(); ++row) found.push_back(ReadMail(rows, row));
  return found;
}

Result<int64_t> CountOutdated(schema::Connection& connection, uint32_t newest) {
  TRY(const auto rows, connection.Run(kCountOutdated, {newest}));
  return rows.Int8(0, 0);
}

Result<bool> Reseal(schema::Connection& connection, const Waiting& mail, uint32_t newest, ByteView sealed) {
  TRY(const auto rows, connection.Run(kReseal, {mail.id, mail.sealed, newest, sealed}));
  return rows.affected() == 1;
}

}  // namespace claviger::api::mail_store
