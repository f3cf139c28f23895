#pragma once
// Key pairs that identify an agent to others. They are generated in software: an agent takes its private keys
// away to use them elsewhere, so the HSM cannot keep them.

#include "base/error.h"
#include "base/random.h"
#include "base/secret_bytes.h"

namespace claviger::crypto {

struct IdentityKey {
  Bytes public_key;
  SecretBytes private_key;
};
// Ed25519: 32 bytes each, the private one being the seed of RFC 8032.
Result<IdentityKey> GenerateEd25519(Random& random);
// P-256: the uncompressed point (65 bytes), and the scalar (32 bytes, big-endian).
Result<IdentityKey> GenerateP256(Random& random);

}  // namespace claviger::crypto
