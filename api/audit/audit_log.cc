#include "api/audit/audit_log.h"

#include "api/audit/audit_store.h"

namespace claviger::api {
namespace {

constexpr size_t kMaxBatch = 512;

}  // namespace

AuditLog::AuditLog(schema::Pool& pool, const Clock& clock, Random& random, const Log& log, size_t max_queue)
    : pool_(pool),
      clock_(clock),
      random_(random),
      log_(log),
      max_queue_(max_queue),
      committing_({.queue = max_queue, .batch = kMaxBatch},
                  [this](std::vector<Waiting>& batch) { Settle(batch); }) {}

AuditLog::~AuditLog() {
  stopping_ = true;
  committing_.Stop();
}

schema::Connection::Call AuditLog::InsertCall(const crypto::AuditRecord& record) const {
  return audit_store::InsertCall(record);
}

Status AuditLog::Insert(schema::Connection& connection, const crypto::AuditRecord& record) const {
  TRYV(connection.Run(audit_store::InsertCall(record)));
  return Ok();
}

Status AuditLog::Insert(schema::Connection& connection,
                        const std::vector<crypto::AuditRecord>& records) const {
  std::vector<const crypto::AuditRecord*> all;
  all.reserve(records.size());
  for (const auto& record : records) all.push_back(&record);
  return audit_store::InsertAll(connection, all);
}

bool AuditLog::Accepting() const { return committing_.queued() < max_queue_; }

bool AuditLog::FailedWithin(std::chrono::milliseconds within) const {
  return failing_ && clock_.Steady() - failed_at_.load() <= within;
}

void AuditLog::Append(crypto::AuditRecord record, std::function<void(Status)> done) {
  Waiting waiting{std::move(record), std::move(done)};
  if (!committing_.Submit(std::move(waiting))) waiting.done(Unavailable("the audit queue is full"));
}

void AuditLog::Settle(std::span<const Waiting> batch) {
  // At shutdown without a database: one batch has waited for it, the rest need not.
  const bool pointless = stopping_ && failing_;
  const Status committed = pointless ? Status(Unavailable("the daemon is stopping")) : CommitBatch(batch);
  if (committed.has_value() || committed.error().kind == ErrorKind::kUnavailable || batch.size() == 1) {
    Report(committed);
    const Status answer =
        committed.has_value() ? Status(Ok()) : Status(Unavailable("the audit record was not committed"));
    for (const auto& waiting : batch) waiting.done(answer);
    return;
  }
  // PostgreSQL refuses one of the records: the others must not suffer for it.
  for (const auto& waiting : batch) Settle({&waiting, 1});
}

Status AuditLog::CommitBatch(std::span<const Waiting> batch) {
  std::vector<const crypto::AuditRecord*> records;
  records.reserve(batch.size());
  for (const auto& waiting : batch) records.push_back(&waiting.record);
  TRY(auto lease, pool_.Acquire());
  return audit_store::InsertAll(*lease, records);
}

void AuditLog::Report(const Status& committed) {
  if (committed.has_value()) {
    if (failing_) log_.Info("audit records commit again");
  } else if (!failing_) {
    log_.Failure("audit records cannot be committed; requests get 503", committed.error());
  }
  if (!committed.has_value()) failed_at_ = clock_.Steady();
  failing_ = !committed.has_value();
}

}  // namespace claviger::api
