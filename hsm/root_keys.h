#pragma once
// The root keys as this login last found them on the token. The newest wraps new KEKs; each unwraps what it
// wrapped. Others are made, and old ones destroyed, by operators (hsm/key_ceremony.h).

#include <map>
#include <mutex>

#include "hsm/session.h"

namespace claviger::hsm {

struct RootKey {
  uint32_t version = 0;
  CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
};

class RootKeys {
 public:
  using Versions = std::map<uint32_t, CK_OBJECT_HANDLE>;
  // At least one, as always.
  explicit RootKeys(Versions versions) : versions_(std::move(versions)) {}

  RootKey Newest() const;
  // One that is not known is looked for: somebody may have made it since. Not authentic if the token does not
  // hold it.
  Outcome<CK_OBJECT_HANDLE> Get(Session& session, uint32_t version);
  // Looks which there are; after a failure those known before stay.
  Outcome<void> Look(Session& session);

 private:
  CK_OBJECT_HANDLE Find(uint32_t version) const;

  mutable std::mutex mutex_;  // guards versions_; never held during a PKCS#11 call
  Versions versions_;
};

}  // namespace claviger::hsm
