#pragma once
// ID tokens of an OpenID provider (OpenID Connect Core 1.0 section 2): what it says of a person who signed in
// there. Signed with RS256, ES256 or EdDSA. The algorithm is pinned by the key that `kid` names, never taken
// from the header, and keys come from the provider's key set alone.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"

namespace claviger::crypto {

enum class ProviderAlgorithm : uint8_t { kRs256, kEs256, kEdDsa };

struct ProviderKey {
  std::string kid;
  ProviderAlgorithm algorithm = ProviderAlgorithm::kRs256;
  Bytes raw;       // kRs256: the modulus, 2048 to 8192 bits; otherwise as in PublicKey
  Bytes exponent;  // kRs256 only
};

inline constexpr size_t kMaxProviderKeys = 64;
inline constexpr size_t kMaxIdTokenBytes = 16384;

// An RFC 7517 key set. Keys that cannot verify ID tokens here are left out: other types, curves, uses and
// algorithms, no kid, not sound. kInvalid for what is no key set, for more than kMaxProviderKeys, for two
// usable keys of one kid, and for a set with a private key.
Result<std::vector<ProviderKey>> ParseProviderKeys(std::string_view jwks);

// The key that a token names, before anything of it is trusted; nullopt for what is no such token.
std::optional<std::string> KidOfIdToken(std::string_view token);

struct IdTokenRules {
  std::string issuer;                   // `iss`, exactly
  std::vector<std::string> client_ids;  // one of them must be in `aud`
};
struct IdClaims {
  std::string subject;  // unique at the issuer, never reassigned
  std::string email;    // empty if there is none
  bool email_verified = false;
  std::string name;  // empty if there is none
};
// Any failure is kUnauthenticated with the one public text; the cause tells which check failed. Refuses: an
// algorithm that is not the key's, `crit`, a wrong signature, duplicate members, iss, aud or azp of others,
// exp <= now, iat or nbf more than 60 s ahead, a subject that is missing or longer than 255 bytes.
Result<IdClaims> VerifyIdToken(std::string_view token, const ProviderKey& key, const IdTokenRules& rules,
                               Time now);

}  // namespace claviger::crypto
