#pragma once
// What signing keys sign. Whoever holds them asks here before each signature, whoever wants it: so somebody
// who comes to call the verbs gets nothing signed that an honest caller would not have asked for now.

#include <optional>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "crypto/audit_seal.h"
#include "crypto/jws.h"

namespace claviger::crypto {

// kInternal with the reason as its cause unless `message` is header.claims exactly as SignToken writes them:
// of one of `keys` and its algorithm, of this issuer, issued within a minute of now for 900 s at most, and
// without a claim that is not ours.
Status CheckTokenToSign(ByteView message, std::string_view issuer, const std::vector<PublicKey>& keys,
                        Time now);

// A checkpoint as it is signed, without its leaves. kInternal unless `message` is CheckpointBytes of one that
// names the key `kid` and was made within a minute of now.
Result<AuditCheckpoint> CheckCheckpointToSign(ByteView message, std::string_view kid, Time now);

}  // namespace claviger::crypto
