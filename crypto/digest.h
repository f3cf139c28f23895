#pragma once
#include <array>
#include <optional>

#include "base/bytes.h"

namespace claviger::crypto {

using Digest = std::array<uint8_t, 32>;
// SHA-256 (FIPS 180-4).
Digest Sha256(ByteView bytes);
// RFC 2104 with SHA-256.
Digest HmacSha256(ByteView key, ByteView message);
// 32 bytes as they are; nullopt for any other number.
std::optional<Digest> ToDigest(ByteView bytes);

}  // namespace claviger::crypto
