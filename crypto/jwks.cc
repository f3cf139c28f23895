// RFC 7517 key sets of the key types of RFC 7518 section 6.2.1 (EC) and RFC 8037 section 2 (OKP).
#include "crypto/jwks.h"

#include <algorithm>

#include "crypto/public_key.h"
#include "crypto/strict_json.h"

namespace claviger::crypto {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

ordered_json JwkOf(const PublicKey& key) {
  const ByteView raw(key.raw);
  ordered_json jwk;
  if (key.algorithm == SignatureAlgorithm::kEdDsa) {
    jwk = {{"kty", "OKP"}, {"crv", "Ed25519"}, {"x", Base64UrlEncode(raw)}};
  } else {
    jwk = {{"kty", "EC"},
           {"crv", "P-256"},
           {"x", Base64UrlEncode(raw.subspan(1, 32))},
           {"y", Base64UrlEncode(raw.subspan(33, 32))}};
  }
  jwk["kid"] = key.kid;
  jwk["use"] = "sig";
  jwk["alg"] = JwsName(key.algorithm);
  return jwk;
}

// A coordinate or point of exactly 32 bytes.
std::optional<Bytes> Field32(const json& jwk, const char* name) {
  const std::string* text = FindString(jwk, name);
  if (text == nullptr) return std::nullopt;
  auto bytes = Base64UrlDecode(*text);
  return bytes && bytes->size() == 32 ? bytes : std::nullopt;
}

bool HasValue(const json& jwk, const char* name, std::string_view expected) {
  const std::string* text = FindString(jwk, name);
  return text != nullptr && *text == expected;
}
bool AbsentOrValue(const json& jwk, const char* name, std::string_view expected) {
  return !jwk.contains(name) || HasValue(jwk, name, expected);
}

}  // namespace

Result<PublicKey> ParseJwk(const json& jwk) {
  PublicKey key;
  if (HasValue(jwk, "kty", "OKP") && HasValue(jwk, "crv", "Ed25519")) {
    key.algorithm = SignatureAlgorithm::kEdDsa;
    auto x = Field32(jwk, "x");
    if (!x) return Invalid("A key of the set is malformed");
    key.raw = std::move(*x);
  } else if (HasValue(jwk, "kty", "EC") && HasValue(jwk, "crv", "P-256")) {
    key.algorithm = SignatureAlgorithm::kEs256;
    const auto x = Field32(jwk, "x");
    const auto y = Field32(jwk, "y");
    if (!x || !y) return Invalid("A key of the set is malformed");
    key.raw = {0x04};
    key.raw.insert(key.raw.end(), x->begin(), x->end());
    key.raw.insert(key.raw.end(), y->begin(), y->end());
  } else {
    return Invalid("A key of the set is of an unknown type");
  }
  const std::string* kid = FindString(jwk, "kid");
  if (kid == nullptr || kid->empty()) return Invalid("A key of the set has no kid");
  key.kid = *kid;
  if (jwk.contains("d")) return Invalid("A key of the set is a private key");
  if (!AbsentOrValue(jwk, "use", "sig") || !AbsentOrValue(jwk, "alg", JwsName(key.algorithm))) {
    return Invalid("A key of the set has another use");
  }
  if (!IsSound(key)) return Invalid("A key of the set is not a sound public key");
  return key;
}

std::string JwksJson(const std::vector<PublicKey>& keys) {
  ordered_json set = {{"keys", ordered_json::array()}};
  for (const PublicKey& key : keys) {
    if (IsSound(key)) set["keys"].push_back(JwkOf(key));
  }
  return set.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

Result<std::vector<PublicKey>> ParseJwks(std::string_view text) {
  const auto set = ParseStrictObject(text);
  if (!set) return Invalid("The key set is not valid JSON");
  const auto list = set->find("keys");
  if (list == set->end() || !list->is_array()) return Invalid("The key set has no array of keys");
  std::vector<PublicKey> keys;
  for (const json& jwk : *list) {
    if (!jwk.is_object()) return Invalid("A key of the set is malformed");
    TRY(auto key, ParseJwk(jwk));
    const bool duplicate =
        std::any_of(keys.begin(), keys.end(), [&](const auto& k) { return k.kid == key.kid; });
    if (duplicate) return Invalid("Two keys of the set have the same kid");
    keys.push_back(std::move(key));
  }
  return keys;
}

}  // namespace claviger::crypto
