#pragma once
// Works on rotations of customer-managed keys, on the node that was handed the keys: nobody else can.
//
//   1. Batch by batch the versions under the old key are opened, once in the daemon's envelope and once with
//      the old key, sealed with the new one and in a fresh envelope, and exchanged in their rows if nobody
//      has touched these meanwhile. Superseded versions and deleted secrets move as well. A value that was
//      sealed with the new key already, by a client that came early, only gets its name.
//   2. What opens with neither key stays as it is.
//   3. With the vault locked, so that no version can be written under the old key, what is left under it is
//      counted. More than stayed in step 2: from the beginning. If reads would still return something under
//      another key the rotation fails. Otherwise the new key becomes the vault's, in the same transaction.
//
// Each step is one transaction with its audit record. Every version says under which key it lies, so a
// rotation that broke off is completed by another with the same keys. One whose node was not heard of for 30
// seconds fails: by its node, if that is still there, or any other.
//
// Keys are in memory that is wiped, here and nowhere else, as long as the rotation runs.

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "api/access/authorize.h"
#include "api/audit/audit_log.h"
#include "api/cmek/cmek_wire.h"
#include "api/rotations/rotation_runner.h"
#include "api/secrets/secrets_store.h"
#include "api/work_pool.h"
#include "base/background.h"
#include "base/log.h"
#include "base/random.h"
#include "crypto/cmek.h"
#include "crypto/keyring.h"
#include "schema/pg/pg.h"

namespace claviger::api {

struct CmekConfig {
  uint32_t rotations = 2;  // at once on this node; more are refused
  Pace pace{};             // of each
  // Between two tries of a step, and between two looks for rotations whose node is gone.
  std::chrono::milliseconds interval{1000};
};

class CmekRunner {
 public:
  using Parts = RotationRunner::Parts;
  CmekRunner(CmekConfig config, const Parts& parts);
  // Ends after the step under way; what is not complete fails.
  ~CmekRunner();
  // From now on rotations whose node is gone fail. What is handed over runs in any case.
  void Start();

  // A place among those that run at once; free again when it goes.
  using Place = std::shared_ptr<void>;
  // Null if there is none.
  Place Reserve();

  struct Job {
    Place place;
    Grant grant;
    CmekRotation rotation;  // inserted with node() as its owner
    crypto::CmekKey from;
    crypto::CmekKey to;
  };
  // Returns at once; the rotation goes on in a thread.
  void Run(Job job);
  const Uuid& node() const { return node_; }

  // Public for tests.
  Status FailLost();

 private:
  enum class Progress : uint8_t { kMore, kPassed, kOver };
  // One pass over what lies under the old key.
  struct Walk {
    bool first = true;
    secrets_store::CmekPlace after;
    int64_t stuck = 0;  // opened with neither key
  };
  struct Exchange {
    std::vector<secrets_store::Exchanged> versions;
    int64_t stuck = 0;
    int64_t forgotten = 0;  // of these, no read returns
  };

  void Loop();
  void Work(const Job& job);
  // Until it is over. An error is what it fails with.
  Status Rotate(const Job& job);
  template <class Step>
  Result<Progress> Patiently(const Step& step);
  Result<Progress> MoveOn(const Job& job, Walk& walk);
  Result<Exchange> Recrypt(const Job& job, const crypto::WrappedKek& newest,
                           const std::vector<secrets_store::UnderCmek>& versions);
  Result<std::optional<SecretBytes>> OpenBlob(const Job& job, const secrets_store::UnderCmek& version,
                                              std::optional<SecretBytes> blob);
  Result<Progress> Finish(const Job& job, int64_t stuck);
  Status Fail(const Job& job, const std::string& error);
  AuditDraft Draft(const CmekRotation& rotation, const char* action) const;

  const CmekConfig config_;
  const Parts parts_;
  const Uuid node_;
  std::atomic<uint32_t> reserved_{0};

  Background thread_;
  BatchPool<Job> rotations_;  // refers to all others
};

}  // namespace claviger::api
