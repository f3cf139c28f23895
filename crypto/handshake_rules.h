#pragma once
// What the TLS key signs: the server's part of a handshake and nothing else, as crypto/signing_rules.h has it
// for the other keys. So somebody who comes to call the verbs can speak as this server while they do, which
// they could by its connections anyhow, and takes nothing away: no certificate request, certificate,
// delegated credential or token.

#include "base/bytes.h"
#include "base/error.h"

namespace claviger::crypto {

// kInternal unless `message` is one of two things.
//
// TLS 1.3, RFC 8446 section 4.4.3: 64 spaces, "TLS 1.3, server CertificateVerify", 0, and a transcript hash
// of 32 or 48 bytes.
//
// TLS 1.2, RFC 8422 section 5.4: client's random (32), server's random (32), 3 (named curve), the curve, and
// a point of it: X25519 or P-256. (A client that takes a P-256 certificate names P-256, and then we choose
// one of these.) All but four bytes of that are somebody's choice, and so the point must lie on the curve. A
// certificate request, which has to hold the key itself (59 bytes at least), is too long for X25519, and for
// P-256 would have to have these bytes within the point.
Status CheckHandshakeToSign(ByteView message);

// Of the first kind and of no handshake, to see that a key signs.
Bytes TrialHandshake();

}  // namespace claviger::crypto
