#pragma once
// Works on rotations. Every node runs one, one rotation at a time.
//
//   1. A new key is made in the HSM and becomes the vault's newest: from that commit on all is written under
//      it.
//   2. Batch by batch the data keys under older keys are sealed anew under it: opened and sealed inside the
//      HSM's visit, then exchanged in the row if nobody has touched it meanwhile. Readers find with each
//      version the key it lies under. Deleted secrets and old versions move as well.
//   3. When no more are found a second pass counts them. If it counts zero, the older keys are removed in the
//      same transaction. Writers who still held one either committed before, and are found, or fail at the
//      reference to the key, and try again with the newest.
//
// A step is one transaction with its audit record, and there is nothing to remember between two: whoever
// takes the rotation next, on whatever node, sees from the rows what is left to do. The right to work is a
// lease; each step proves it again and extends it. A node that was taken for dead finds its claim's number
// outdated, and changes nothing.
//
// A row that does not open, which somebody edited or moved, stops the rotation as failed: nothing is lost,
// since the older keys are there still. So does a customer's key that is not to be used (api/customer_keys).
// While the HSM or the database is away it is tried again and again; while a customer's token is, by any
// node.

#include "api/audit/audit_log.h"
#include "api/rotations/pace.h"
#include "api/rotations/rotations_store.h"
#include "api/secrets/secrets_store.h"
#include "base/background.h"
#include "base/log.h"
#include "base/random.h"
#include "crypto/keyring.h"
#include "schema/pg/pg.h"

namespace claviger::api {

struct RotationConfig {
  Pace pace{};  // of data keys
  // A vault whose newest key is older than this gets a new one by itself; 0: never.
  uint32_t vault_days = 0;
};

class RotationRunner {
 public:
  struct Parts {
    schema::Pool& pool;
    crypto::Keyring& keyring;
    const AuditLog& audit;
    const Clock& clock;
    Random& random;
    const Log& log;
  };
  RotationRunner(RotationConfig config, const Parts& parts);
  // At its end it stops after the step under way; another node may go on at once.
  void Start();

  // Takes the next rotation and works on it until it ends, is paused, or taken over by another node. False if
  // there is none. Public for tests, which do not Start().
  Result<bool> RunOne();
  // Starts rotations of vaults whose key is old; returns how many.
  Result<int64_t> StartDue();

 private:
  using Claim = rotations_store::Claim;
  enum class Progress : uint8_t { kMore, kOver };

  void Loop();
  void Yield(const Claim& claim);
  Result<Progress> Step(Claim& claim);
  Result<Progress> MakeKey(Claim& claim);
  Result<Progress> Reseal(const Claim& claim, const crypto::WrappedKek& newest,
                          const std::vector<secrets_store::Outdated>& versions);
  Result<std::vector<secrets_store::Resealed>> ResealKeys(
      const crypto::WrappedKek& newest, const std::vector<secrets_store::Outdated>& versions);
  Result<Progress> Finish(const Claim& claim);
  // False if the claim is not valid any more.
  Result<bool> Fail(const Claim& claim, const Error& error);

  const RotationConfig config_;
  const Parts parts_;
  const Uuid node_;
  SteadyTime due_at_{};  // the running thread's own: when to look for old keys again

  Background thread_;
};

// Who asks where no person does (Rotation::requested_by).
inline constexpr std::string_view kBySchedule = "schedule";
inline constexpr std::string_view kByRootKey = "root-key";  // its rotation needs it
// False if the vault is gone, or has a rotation that is not done.
Result<bool> StartUnasked(schema::Connection& connection, const RotationRunner::Parts& parts,
                          const rotations_store::DueVault& due, std::string_view by);

}  // namespace claviger::api
