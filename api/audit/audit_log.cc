#include "api/audit/audit_log.h"

#include "api/audit/audit_store.h"

namespace claviger::api {
namespace {

constexpr size_t kMaxBatch = 512;

}  // namespace

AuditLog::AuditLog(schema::Pool& pool, const Clock& clock, Random& random, const Log& log, size_t max_queue)
    : pool_(pool), clock_(clock), random_(random), log_(log), max_queue_(max_queue) {
  thread_ = std::thread([this] { Loop(); });
}

AuditLog::~AuditLog() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
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

bool AuditLog::Accepting() const {
  const std::lock_guard lock(mutex_);
  return !stopping_ && queue_.size() < max_queue_;
}

bool AuditLog::FailedWithin(std::chrono::milliseconds within) const {
  return failing_ && clock_.Steady() - failed_at_.load() <= within;
}

void AuditLog::Append(crypto::AuditRecord record, std::function<void(Status)> done) {
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_ && queue_.size() < max_queue_) {
      queue_.push_back({std::move(record), std::move(done)});
      // The committing thread looks at the queue after each batch: it sleeps only while the queue is empty.
      if (queue_.size() == 1) wake_.notify_one();
      return;
    }
  }
  done(Unavailable("the audit queue is full"));
}

void AuditLog::Loop() {
  std::vector<Waiting> batch;
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) return;
    const auto end = queue_.begin() + static_cast<std::ptrdiff_t>(std::min(queue_.size(), kMaxBatch));
    batch.assign(std::make_move_iterator(queue_.begin()), std::make_move_iterator(end));
    queue_.erase(queue_.begin(), end);
    lock.unlock();
    Settle(batch);
    batch.clear();
    lock.lock();
    if (stopping_ && failing_) return RefuseQueued(lock);
  }
}

// At shutdown without a database: one batch has waited for it, the rest need not.
void AuditLog::RefuseQueued(std::unique_lock<std::mutex>& lock) {
  const std::vector<Waiting> refused = std::exchange(queue_, {});
  lock.unlock();
  for (const auto& waiting : refused) waiting.done(Unavailable("the daemon is stopping"));
}

void AuditLog::Settle(const std::vector<Waiting>& batch) {
  const Status committed = CommitBatch(batch);
  if (committed.has_value() || committed.error().kind == ErrorKind::kUnavailable || batch.size() == 1) {
    Report(committed);
    const Status answer =
        committed.has_value() ? Status(Ok()) : Status(Unavailable("the audit record was not committed"));
    for (const auto& waiting : batch) waiting.done(answer);
    return;
  }
  // PostgreSQL refuses one of the records: the others must not suffer for it.
  for (const auto& waiting : batch) Settle({waiting});
}

Status AuditLog::CommitBatch(const std::vector<Waiting>& batch) {
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
