#pragma once
// AES Key Wrap (RFC 3394) of an HSM key by the root, inside the HSM.

#include "base/bytes.h"
#include "hsm/session.h"

namespace claviger::hsm {

inline constexpr size_t kWrappedKekBytes = 40;

Outcome<Bytes> WrapKey(Session& session, CK_OBJECT_HANDLE root, CK_OBJECT_HANDLE key);

}  // namespace claviger::hsm
