#pragma once
// One public key in OpenSSL's form, checked before anything trusts it.

#include "crypto/jws.h"
#include "crypto/openssl_ptr.h"

namespace claviger::crypto {

// nullptr unless `raw` is a sound public key: for Ed25519 a canonical encoding of a point that is not of
// small order (RFC 8032 section 5.1.3; under a small-order key one signature fits many messages), for P-256
// an uncompressed point on the curve.
PKey LoadPublicKey(SignatureAlgorithm algorithm, ByteView raw);
inline bool IsSound(const PublicKey& key) { return LoadPublicKey(key.algorithm, key.raw) != nullptr; }

// nullptr unless the modulus has 2048 to 8192 bits and both numbers, big-endian, can be those of a public key
// (NIST SP 800-56B section 6.4.2).
PKey LoadRsaPublicKey(ByteView modulus, ByteView exponent);

// r || s as OpenSSL has it: in the DER form of RFC 3279 section 2.2.3. Empty if memory is short.
Bytes DerOfRawSignature(ByteView raw);
// And back; empty unless it is the signature of a P-256 key.
Bytes RawOfDerSignature(ByteView der);

// JWS `alg`: "EdDSA" or "ES256".
const char* JwsName(SignatureAlgorithm algorithm);

}  // namespace claviger::crypto
