#pragma once
// Known answers that tell a healthy token from a sick one. Pings are worthless for that: with its token
// directory gone SoftHSM still answers C_GetSessionInfo.
//
// The root is exercised by wrapping: AES Key Wrap is deterministic, so the same key must give the same blob
// each time. Unwrapping would prove the same but makes an object, and SoftHSM keeps some 250 bytes of every
// object ever made. The unwrap direction is exercised once, while connecting.

#include <memory>

#include "base/bytes.h"
#include "hsm/config.h"
#include "hsm/owner_session.h"
#include "hsm/session.h"

namespace claviger::hsm {

class SelfTest {
 public:
  static Outcome<SelfTest> Prepare(Session& session, const std::shared_ptr<OwnerSession>& owner,
                                   CK_OBJECT_HANDLE root, GcmIv gcm_iv);

  CK_OBJECT_HANDLE root() const { return root_; }

  // Outlives the connection: a key wrapped by the root, and what was sealed with it.
  struct Witness {
    Bytes wrapped;
    Bytes sealed;
  };
  Witness witness() const { return {wrapped_, sealed_}; }
  // Whether that root wrapped it.
  static Outcome<void> Opens(Session& session, OwnerSession& owner, CK_OBJECT_HANDLE root,
                             const Witness& witness);

  // Everything: the root wraps to the known answer, a loaded key opens its known answer.
  Outcome<void> ExerciseRoot(Session& session) const;
  // The cheap part, after a decryption failed: did the input lie or is the token sick?
  Outcome<void> ExerciseLoadedKey(Session& session) const;

 private:
  SelfTest() = default;

  CK_OBJECT_HANDLE root_ = CK_INVALID_HANDLE;
  std::shared_ptr<const LoadedKey> wrappable_;  // protects nothing; exists to be wrapped
  Bytes wrapped_;
  std::shared_ptr<const LoadedKey> loaded_;  // the same key, unwrapped
  Bytes sealed_;
};

}  // namespace claviger::hsm
