#pragma once
// A receiver of the audit log outside the database. Twin in tests/fakes/fake_sink.h.

#include <string>
#include <vector>

#include "base/error.h"
#include "crypto/audit_seal.h"

namespace claviger::api {

// Whole checkpoints with all records that they seal, in order; never empty.
struct ExportBatch {
  struct Sealed {
    crypto::AuditCheckpoint checkpoint;
    std::vector<crypto::AuditVerifier::LinkedRecord> records;
  };
  std::vector<Sealed> sealed;
};

// For one thread, but for Reopen and Abort. Everything has a time limit.
class Sink {
 public:
  virtual ~Sink() = default;
  // kUnavailable if not all of it could be handed over. Then any part may have arrived, and what is delivered
  // next begins behind what was confirmed before.
  virtual Status Deliver(const ExportBatch& batch) = 0;
  // The newest checkpoint that has arrived for all that can be known; 0: none since the last failure.
  // kUnavailable if the receiver is lost, with what was not confirmed.
  virtual Result<uint64_t> Confirmed() = 0;
  // Begins anew, by a new connection or file: what is under way counts as failed.
  virtual void Reset() = 0;
  // From any thread: before the next delivery, open what a path names now.
  virtual void Reopen() {}
  // From any thread, and for ever: whatever waits gives up soon.
  virtual void Abort() {}
};

}  // namespace claviger::api
