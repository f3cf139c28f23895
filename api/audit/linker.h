#pragma once
// Links committed audit records into their organisations' chains and seals them in signed checkpoints: one
// per second or per 1,000 records, whichever comes first. Every node runs one; an advisory lock lets one link
// at a time.
//
// A record is committed together with its row in audit_pending. If the record is gone, the row stays as
// evidence and the linker passes over it; if the row is gone, the linker finds the record by itself and
// queues it again. Either raises an alarm in the log. While the database looks set back nothing is linked
// (rollback_watch.h).
//
// The linker also keeps the months ahead in which records will fall (docs/ARCHITECTURE.md, "Audit").

#include <optional>
#include <vector>

#include "api/audit/rollback_watch.h"
#include "base/background.h"
#include "base/clock.h"
#include "base/log.h"
#include "crypto/audit_seal.h"
#include "crypto/keyring.h"
#include "schema/pg/pg.h"

namespace claviger::api {

class AuditLinker {
 public:
  struct Parts {
    schema::Pool& pool;
    crypto::Keyring& keyring;
    RollbackWatch& watch;
    const Clock& clock;
    const Log& log;
  };
  explicit AuditLinker(const Parts& parts) : parts_(parts) {}
  void Start();
  // One pass; returns the number of records linked. Public for tests, which do not Start().
  Result<uint64_t> LinkOnce();
  // Looks for records that were kept from being linked, in the next minute of what is older than a minute:
  // from one hour before the first call on. Returns how many it queued again; zero also while there is
  // nothing to do.
  Result<uint64_t> RequeueKept();
  // Once an hour.
  Status MakeMonths();

 private:
  void Loop();
  Status Sign(const std::optional<crypto::AuditCheckpoint>& last, crypto::AuditCheckpoint& checkpoint,
              bool may_name_next);
  Result<std::vector<crypto::AuditRecord>> LoadNext(schema::Connection& connection);
  void ReportMissing();
  void ReportCheck(const Result<uint64_t>& queued);

  const Parts parts_;
  // The linking thread's own.
  EventId passed_;      // where the next pass goes on behind rows without records; nil: at the oldest
  size_t missing_ = 0;  // rows without records since a pass began at the oldest
  size_t reported_missing_ = 0;  // what the log was told last
  std::optional<Time> checked_;  // no record before it is kept from being linked
  Time next_check_{};
  bool check_failing_ = false;
  SteadyTime next_months_{};

  Background thread_;
};

}  // namespace claviger::api
