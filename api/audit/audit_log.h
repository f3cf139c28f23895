#pragma once
// The audit log's writing side. Nothing is answered that is not audited:
//  - a write inserts its record in the transaction of the change (InsertCall, one round trip with it);
//  - a read or a refusal is appended to the group commit, and its answer waits for that commit;
//  - if the record cannot be committed, the caller gets 503 and the answer is wiped.

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "api/access/principal.h"
#include "api/http/message.h"
#include "base/error.h"
#include "base/log.h"
#include "base/random.h"
#include "crypto/audit_seal.h"
#include "schema/pg/pg.h"

namespace claviger::api {

// What a request's record will say; filled as the request proceeds. Details are an allow-list: short names
// and identifiers, never bodies, values or credentials.
class AuditDraft {
 public:
  AuditDraft(const http::Request& request, std::string action, std::string operation);

  void SetActor(const Principal& principal);
  // For callers that prove who they are with this very request (login, signup).
  void SetActor(std::string type, std::string id, const OrgId& org);
  void SetAction(std::string action) { action_ = std::move(action); }
  void SetResource(std::string type, std::string id);
  void AddDetail(std::string_view name, std::string_view value);  // value at most 1024 bytes, longer is cut
  void AddDetail(std::string_view name, int64_t value);

  // The finished record. `outcome`: "success", "denied", "failed".
  crypto::AuditRecord Finish(const Clock& clock, Random& random, std::string_view outcome) const;

  // Set by the handler once the record was committed together with its change.
  void MarkCommitted() { committed_ = true; }
  bool committed() const { return committed_; }

 private:
  std::string action_;
  std::string actor_type_ = "anonymous";
  std::string actor_id_;
  OrgId org_;
  std::string resource_type_;
  std::string resource_id_;
  std::vector<std::pair<std::string, std::string>> text_details_;
  std::vector<std::pair<std::string, int64_t>> number_details_;
  std::string ip_address_;
  std::string request_id_;
  bool committed_ = false;
};

class AuditLog {
 public:
  AuditLog(schema::Pool& pool, const Clock& clock, Random& random, const Log& log, size_t max_queue);
  ~AuditLog();  // drains what is queued, then joins

  // For Connection::RunTogether, next to the change it describes.
  schema::Connection::Call InsertCall(const crypto::AuditRecord& record) const;
  // The same inside an open transaction.
  Status Insert(schema::Connection& connection, const crypto::AuditRecord& record) const;

  // Queues for the next group commit; `done` runs on the committing thread with success or kUnavailable. A
  // full queue calls it at once with kUnavailable.
  void Append(crypto::AuditRecord record, std::function<void(Status)> done);

  crypto::AuditRecord Finish(const AuditDraft& draft, std::string_view outcome) const {
    return draft.Finish(clock_, random_, outcome);
  }

 private:
  struct Waiting {
    crypto::AuditRecord record;
    std::function<void(Status)> done;
  };
  void Loop();
  Status CommitBatch(const std::vector<Waiting>& batch);

  schema::Pool& pool_;
  const Clock& clock_;
  Random& random_;
  const Log& log_;
  const size_t max_queue_;
  std::mutex mutex_;  // guards queue_ and stopping_
  std::condition_variable wake_;
  std::vector<Waiting> queue_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace claviger::api
