#pragma once
// The two JSON parts of a token. docs/FORMATS.md.

#include <optional>
#include <string>
#include <string_view>

#include "crypto/jws.h"

namespace claviger::crypto {

std::string TokenHeaderJson(SignatureAlgorithm algorithm, std::string_view kid);
// nullopt unless the members are exactly `alg`, `typ` ("JWT") and `kid`, all strings. What a header may not
// say (crit, jku, jwk, x5u, b64, ...) need not be listed: any further member is refused.
struct TokenHeader {
  std::string algorithm;
  std::string kid;
};
std::optional<TokenHeader> ParseTokenHeader(std::string_view json);

std::string TokenClaimsJson(std::string_view issuer, const TokenClaims& claims);
// The error's cause names the claim that is missing or wrong. Times are checked for sense among themselves,
// not against the clock. Unknown claims are ignored: nodes of the next version may add some.
struct ParsedClaims {
  TokenClaims claims;
  int64_t not_before = 0;
};
Result<ParsedClaims> ParseTokenClaims(std::string_view issuer, std::string_view json);

// 0 < exp - iat <= 900, years 1970 to 9999.
bool HasSaneTimes(const TokenClaims& claims);

}  // namespace claviger::crypto
