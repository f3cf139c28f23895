#pragma once
// AES-256-GCM inside the HSM. A sealed text is IV(12) + ciphertext + tag(16).

#include <array>

#include "base/bytes.h"
#include "base/secret_bytes.h"
#include "hsm/config.h"
#include "hsm/session.h"

namespace claviger::hsm {

inline constexpr size_t kIvBytes = 12;
inline constexpr size_t kTagBytes = 16;
using Iv = std::array<uint8_t, kIvBytes>;

// `iv` must never repeat under one key; with GcmIv::kHsm it is ignored and the module's own is stored. The
// plaintext is not empty.
Outcome<Bytes> GcmSeal(Session& session, CK_OBJECT_HANDLE key, GcmIv source, Iv iv, ByteView aad,
                       ByteView plaintext);

// A refusal after the operation had begun is Remedy::kUnproven: modules do not tell a wrong tag from a sick
// device.
Outcome<SecretBytes> GcmOpen(Session& session, CK_OBJECT_HANDLE key, ByteView sealed, ByteView aad);

}  // namespace claviger::hsm
