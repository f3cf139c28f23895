#pragma once
// Links committed audit records into their organisations' chains and seals them in signed checkpoints: one
// per second or per 1,000 records, whichever comes first. Every node runs one; an advisory lock lets one link
// at a time.

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/clock.h"
#include "base/log.h"
#include "crypto/audit_seal.h"
#include "crypto/keyring.h"
#include "schema/pg/pg.h"

namespace claviger::api {

class AuditLinker {
 public:
  AuditLinker(schema::Pool& pool, crypto::Keyring& keyring, const Clock& clock, const Log& log);
  ~AuditLinker();
  void Start();
  // One pass; returns the number of records linked. Public for tests and for the last pass at shutdown.
  Result<uint64_t> LinkOnce();

 private:
  void Loop();
  Status Sign(crypto::AuditCheckpoint& checkpoint);
  void ReportMissing(size_t missing);

  schema::Pool& pool_;
  crypto::Keyring& keyring_;
  const Clock& clock_;
  const Log& log_;
  std::atomic<size_t> missing_ = 0;  // what the last pass found gone
  std::mutex mutex_;                 // guards stopping_
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace claviger::api
