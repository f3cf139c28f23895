#pragma once
// What a token is known by when it comes back. One of the same name with other keys, or an older copy of
// ours, must not be used: what was sealed there could not be opened here, and the other way round.

#include "hsm/owner_session.h"
#include "hsm/root_keys.h"
#include "hsm/self_test.h"
#include "hsm/session.h"

namespace claviger::hsm {

class Kinship {
 public:
  // The first time it learns the token. Later it fails unless the lookup key gives the same answer and the
  // root opens what it wrapped before, or was destroyed and a newer one is there.
  Outcome<void> Prove(Session& session, OwnerSession& owner, RootKeys& roots, CK_OBJECT_HANDLE lookup,
                      const SelfTest& newest);

 private:
  Outcome<void> ProveRoot(Session& session, OwnerSession& owner, RootKeys& roots) const;

  Bytes mac_;  // empty: nothing is known
  uint32_t root_version_ = 0;
  SelfTest::Witness witness_;
};

}  // namespace claviger::hsm
