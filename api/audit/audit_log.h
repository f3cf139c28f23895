#pragma once
// The audit log's writing side. Nothing is answered that is not audited:
//  - a write inserts its record in the transaction of the change (InsertCall, one round trip with it);
//  - a read or a refusal is appended to the group commit, and its answer waits for that commit;
//  - if the record cannot be committed, the caller gets 503 and the answer is wiped.

#include <atomic>
#include <chrono>
#include <functional>
#include <span>
#include <vector>

#include "api/audit/audit_draft.h"
#include "api/work_pool.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/random.h"
#include "crypto/audit_seal.h"
#include "schema/pg/pg.h"

namespace claviger::api {

class AuditLog {
 public:
  AuditLog(schema::Pool& pool, const Clock& clock, Random& random, const Log& log, size_t max_queue);
  // Commits what is queued, then joins; without a database the rest is refused after one batch.
  virtual ~AuditLog();

  // For Connection::RunTogether, next to the change it describes.
  schema::Connection::Call InsertCall(const crypto::AuditRecord& record) const;
  // The same inside an open transaction.
  Status Insert(schema::Connection& connection, const crypto::AuditRecord& record) const;
  Status Insert(schema::Connection& connection, const std::vector<crypto::AuditRecord>& records) const;

  // Queues for the next group commit; `done` runs on the committing thread with success or kUnavailable. A
  // full queue calls it at once with kUnavailable.
  // Virtual for the twin in tests.
  virtual void Append(crypto::AuditRecord record, std::function<void(Status)> done);

  // False while the queue is full: a request would be refused for want of its record. Never blocks for long.
  bool Accepting() const;

  // The last group commit failed, and not longer than `within` ago. What is older says nothing: only requests
  // commit, and a node that is not ready may get none. Never blocks.
  bool FailedWithin(std::chrono::milliseconds within) const;

  crypto::AuditRecord Finish(const AuditDraft& draft, std::string_view outcome) const {
    return draft.Finish(clock_, random_, outcome);
  }

 private:
  struct Waiting {
    crypto::AuditRecord record;
    std::function<void(Status)> done;
  };
  // Commits them and answers each.
  void Settle(std::span<const Waiting> batch);
  Status CommitBatch(std::span<const Waiting> batch);
  void Report(const Status& committed);

  schema::Pool& pool_;
  const Clock& clock_;
  Random& random_;
  const Log& log_;
  const size_t max_queue_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> failing_{false};  // written by the committing thread only: an outage is logged once
  std::atomic<SteadyTime> failed_at_{SteadyTime{}};
  BatchPool<Waiting> committing_;  // one thread; refers to all others
};

}  // namespace claviger::api
