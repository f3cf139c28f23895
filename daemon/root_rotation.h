#pragma once
// A new root key, step by step. The token says which roots there are, the database which are in use and how
// far the rotation is; so whoever begins anew after a kill, on any machine, goes on where it stood.
//
//   v1 is there                   -> make v2
//   v2 is there, nothing begun    -> until every node has found v2: then begin, and no key comes to lie under
//                                    v1 any more
//   begun                         -> until the nodes have put everything under v2
//   (api/rotations/root_runner.h) v1 and v2 are there, done     -> destroy v1, if and when operators want it
//
// Two at once do no harm: each change is made by one at a time and only where it is still to be made.

#include "api/rotations/root_store.h"
#include "daemon/key_rotation.h"

namespace claviger::daemon {

// What the rotation needs besides the HSM. A twin in tests stops it anywhere.
class RootDesk {
 public:
  using RootRotation = api::root_store::RootRotation;
  using RootsInUse = api::root_store::RootsInUse;

  virtual ~RootDesk() = default;
  // As RotationDesk's.
  virtual Outcome<void> Act(const std::string& action, const std::string& key,
                            const std::function<Status()>& act) = 0;
  virtual void Wait(std::chrono::seconds time, const std::string& until) = 0;
  virtual void Tell(const std::string& line) = 0;

  virtual Outcome<RootsInUse> InUse() = 0;
  virtual Outcome<std::optional<RootRotation>> Last() = 0;
  // Both with their record.
  virtual Outcome<void> Begin(uint32_t version) = 0;
  virtual Outcome<void> Resume() = 0;
  // Opens every KEK there is. Refuses, with kIncomplete, if one does not open.
  virtual Outcome<void> ProveKeks() = 0;
  // Until it is done. Refuses, with kIncomplete, if it stops: somebody must do something first, and is told
  // what.
  virtual Outcome<void> Watch(uint32_t version) = 0;
};

Outcome<void> RotateRootKey(const hsm::HsmConfig& config, RootDesk& desk);
// Refuses while anything lies under one, or could come to; and if any KEK does not open, whose row may only
// say that it lies under the newest.
Outcome<void> DestroyOldRoots(const hsm::HsmConfig& config, RootDesk& desk);

}  // namespace claviger::daemon
