#pragma once
// Works on the rotation of the root key. Every node runs one; one of them at a time has the work.
//
// No KEK that is in use can be wrapped anew: a root lets out of the HSM nothing that it unwrapped. So there
// are new KEKs, which are made under the newest root.
//
//   1. Operators make the root on the token, wait until all nodes have found it, and begin the rotation
//      (daemon/root_rotation.h). From that commit on the database takes no KEK under an older root.
//   2. A new system KEK is made. Whoever seals asks for the newest, and finds this one from then on.
//   3. Batch by batch the installation's records are sealed anew under it: opened, sealed, and exchanged in
//      their rows if nobody has touched these meanwhile. Readers find with each record the KEK it lies under.
//   4. Vaults that have a KEK under an older root are rotated, some at a time, so that those of others need
//      not wait long: what works on these is rotation_runner.h. One that cannot be rotated, because its
//      customer's token is away, or somebody has paused it or has another rotation of it under way, is
//      passed over and looked at again.
//   5. When nothing more is found, a second pass counts: KEKs under older roots, and records under older
//      system KEKs. If it counts zero, the older system KEKs are removed in the same transaction, and it is
//      done. The older root stays on the token until operators destroy it.
//
// Steps, claims and leases are those of rotation_runner.h. A record that does not open, which somebody edited
// or moved, stops the rotation as failed.

#include <chrono>

#include "api/rotations/root_store.h"
#include "api/rotations/rotation_runner.h"

namespace claviger::api {

struct RootConfig {
  Pace pace{};  // of records
  // No system KEK is removed sooner after the next one, so that whoever still seals under it can finish.
  std::chrono::milliseconds settling{30'000};
};

class RootRunner {
 public:
  static constexpr int64_t kBatch = 100;   // records sealed anew in a step
  static constexpr int64_t kWindow = 100;  // rotations of vaults that wait or run at once

  using Parts = RotationRunner::Parts;
  RootRunner(RootConfig config, const Parts& parts);
  // At its end it stops after the step under way; another node may go on at once.
  void Start();

  // What became of one step. Public for tests, which do not Start().
  enum class Progress : uint8_t {
    kIdle,  // there is no rotation, or another node works on it
    kMore,
    kWait,  // for vaults
    kOver,
  };
  Result<Progress> Step();

 private:
  using Claim = root_store::Claim;
  // One of the installation's records, whatever it is of.
  struct Record;

  void Loop();
  void Release();
  Result<Progress> Work(const Claim& claim);
  Result<Progress> MakeSystemKek(const Claim& claim, const crypto::WrappedKek& before);
  Status StartVaults(const Claim& claim);
  Result<std::vector<Record>> FindRecords(uint32_t newest);
  Result<Progress> Reseal(const Claim& claim, const crypto::WrappedKek& newest,
                          const std::vector<Record>& records);
  Result<Progress> Finish(const Claim& claim, const crypto::WrappedKek& newest);
  // False if the claim is not valid any more.
  Result<bool> Fail(const Claim& claim, const Error& error);
  AuditDraft Draft(const root_store::RootRotation& rotation, const char* action) const;

  const RootConfig config_;
  const Parts parts_;
  const Uuid node_;
  std::optional<Claim> claim_;  // the running thread's own

  Background thread_;
};

}  // namespace claviger::api
