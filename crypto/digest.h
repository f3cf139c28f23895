#pragma once
#include <array>

#include "base/bytes.h"

namespace claviger::crypto {

using Digest = std::array<uint8_t, 32>;
// SHA-256 (FIPS 180-4).
Digest Sha256(ByteView bytes);
// RFC 2104 with SHA-256.
Digest HmacSha256(ByteView key, ByteView message);

}  // namespace claviger::crypto
