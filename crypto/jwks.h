#pragma once
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "crypto/jws.h"

namespace claviger::crypto {

// Two texts that ParsePublicKeys tells apart. Every key of a set must be an Ed25519 or P-256 public key with
// a kid of its own; a PEM text is one or more SubjectPublicKeyInfo blocks and nothing else but white space.
// Failures are kInvalid.
Result<std::vector<PublicKey>> ParseJwks(std::string_view text);
Result<std::vector<PublicKey>> ParsePem(std::string_view text);

// One key of a set.
Result<PublicKey> ParseJwk(const nlohmann::json& jwk);

}  // namespace claviger::crypto
