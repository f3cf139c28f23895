#pragma once
// Signatures and MACs by token keys.

#include "base/bytes.h"
#include "hsm/key_set.h"
#include "hsm/session.h"

namespace claviger::hsm {

// 64 bytes: EdDSA over the message (RFC 8032), or ES256 as r || s over its SHA-256, which is computed here
// because many modules sign digests only.
Outcome<Bytes> SignMessage(Session& session, const SigningKeyPair& key, ByteView message);

// 32 bytes (RFC 2104).
Outcome<Bytes> HmacSha256(Session& session, CK_OBJECT_HANDLE key, ByteView message);

}  // namespace claviger::hsm
