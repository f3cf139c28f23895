#include "crypto/id_token.h"

#include <algorithm>

#include "crypto/jwks.h"
#include "crypto/jwt_parts.h"
#include "crypto/public_key.h"
#include "crypto/strict_json.h"

namespace claviger::crypto {
namespace {

using nlohmann::json;

constexpr size_t kMaxSubjectBytes = 255;  // OpenID Connect Core 1.0 section 2

const char* JwsName(ProviderAlgorithm algorithm) {
  switch (algorithm) {
    case ProviderAlgorithm::kRs256:
      return "RS256";
    case ProviderAlgorithm::kEs256:
      return "ES256";
    case ProviderAlgorithm::kEdDsa:
      return "EdDSA";
  }
  return "";
}

bool AbsentOr(const json& object, const char* name, std::string_view expected) {
  if (!object.contains(name)) return true;
  const std::string* text = FindString(object, name);
  return text != nullptr && *text == expected;
}

std::optional<Bytes> FindBytes(const json& jwk, const char* name) {
  const std::string* text = FindString(jwk, name);
  return text == nullptr ? std::nullopt : Base64UrlDecode(*text);
}

std::optional<ProviderKey> ParseRsaKey(const json& jwk) {
  const std::string* kid = FindString(jwk, "kid");
  auto modulus = FindBytes(jwk, "n");
  auto exponent = FindBytes(jwk, "e");
  if (kid == nullptr || kid->empty() || !modulus || !exponent || !AbsentOr(jwk, "use", "sig") ||
      !AbsentOr(jwk, "alg", "RS256") || !LoadRsaPublicKey(*modulus, *exponent)) {
    return std::nullopt;
  }
  return ProviderKey{*kid, ProviderAlgorithm::kRs256, std::move(*modulus), std::move(*exponent)};
}

std::optional<ProviderKey> ParseProviderKey(const json& jwk) {
  const std::string* type = FindString(jwk, "kty");
  if (type != nullptr && *type == "RSA") return ParseRsaKey(jwk);
  auto key = ParseJwk(jwk);
  if (!key) return std::nullopt;
  const auto algorithm = key.value().algorithm == SignatureAlgorithm::kEdDsa ? ProviderAlgorithm::kEdDsa
                                                                             : ProviderAlgorithm::kEs256;
  return ProviderKey{std::move(key.value().kid), algorithm, std::move(key.value().raw), {}};
}

struct Header {
  std::string algorithm;
  std::string kid;
};

// Members that nobody knows are ignored, as RFC 7515 wants it, but not those that `crit` names.
std::optional<Header> ParseHeader(std::string_view base64url) {
  const auto bytes = Base64UrlDecode(base64url);
  const auto object = bytes ? ParseStrictObject(AsText(*bytes)) : std::nullopt;
  if (!object || object->contains("crit")) return std::nullopt;
  const std::string* algorithm = FindString(*object, "alg");
  const std::string* kid = FindString(*object, "kid");
  if (algorithm == nullptr || kid == nullptr || kid->empty()) return std::nullopt;
  return Header{*algorithm, *kid};
}

bool Verify(const ProviderKey& key, ByteView message, ByteView signature) {
  switch (key.algorithm) {
    case ProviderAlgorithm::kRs256:
      return VerifyRs256(key.raw, key.exponent, message, signature);
    case ProviderAlgorithm::kEs256:
      return VerifyEs256(key.raw, message, signature);
    case ProviderAlgorithm::kEdDsa:
      return VerifyEdDsa(key.raw, message, signature);
  }
  return false;
}

bool IsOurs(const json& client, const IdTokenRules& rules) {
  return client.is_string() && std::find(rules.client_ids.begin(), rules.client_ids.end(),
                                         client.get_ref<const std::string&>()) != rules.client_ids.end();
}

// Several audiences name the one it was issued to in `azp`.
bool IsForUs(const json& claims, const IdTokenRules& rules) {
  const auto aud = claims.find("aud");
  if (aud == claims.end()) return false;
  const bool several = aud->is_array() && aud->size() > 1;
  const auto azp = claims.find("azp");
  if (azp == claims.end() ? several : !IsOurs(*azp, rules)) return false;
  if (!aud->is_array()) return IsOurs(*aud, rules);
  return std::any_of(aud->begin(), aud->end(), [&](const json& client) { return IsOurs(client, rules); });
}

Status CheckTimes(const json& claims, Time now) {
  const int64_t seconds = UnixSeconds(now);
  const auto issued_at = FindNumericDate(claims, "iat");
  const auto expires_at = FindNumericDate(claims, "exp");
  if (!issued_at || !expires_at) return Unauthenticated("iat or exp of the ID token is malformed");
  if (*expires_at <= seconds) return Unauthenticated("the ID token has expired");
  if (*issued_at > seconds + kClockSkewSeconds) return Unauthenticated("the ID token is of the future");
  if (claims.contains("nbf")) {
    const auto not_before = FindNumericDate(claims, "nbf");
    if (!not_before || *not_before > seconds + kClockSkewSeconds) {
      return Unauthenticated("the ID token is not valid yet");
    }
  }
  return Ok();
}

std::string TextOr(const json& claims, const char* name) {
  const std::string* text = FindString(claims, name);
  return text == nullptr ? std::string() : *text;
}

}  // namespace

Result<std::vector<ProviderKey>> ParseProviderKeys(std::string_view text) {
  const auto set = ParseStrictObject(text);
  if (!set) return Invalid("The key set is not valid JSON");
  const auto list = set->find("keys");
  if (list == set->end() || !list->is_array()) return Invalid("The key set has no array of keys");
  if (list->size() > kMaxProviderKeys) return Invalid("The key set has too many keys");
  std::vector<ProviderKey> keys;
  for (const json& jwk : *list) {
    if (!jwk.is_object()) return Invalid("A key of the set is malformed");
    if (jwk.contains("d") || jwk.contains("k")) return Invalid("A key of the set is not a public key");
    auto key = ParseProviderKey(jwk);
    if (!key) continue;
    const bool duplicate =
        std::any_of(keys.begin(), keys.end(), [&](const auto& k) { return k.kid == key->kid; });
    if (duplicate) return Invalid("Two keys of the set have the same kid");
    keys.push_back(std::move(*key));
  }
  return keys;
}

std::optional<std::string> KidOfIdToken(std::string_view token) {
  const auto parts = token.size() > kMaxIdTokenBytes ? std::nullopt : SplitJwt(token);
  auto header = parts ? ParseHeader(parts->header) : std::nullopt;
  if (!header) return std::nullopt;
  return std::move(header->kid);
}

Result<IdClaims> VerifyIdToken(std::string_view token, const ProviderKey& key, const IdTokenRules& rules,
                               Time now) {
  if (token.size() > kMaxIdTokenBytes) return Unauthenticated("the ID token is too long");
  const auto parts = SplitJwt(token);
  const auto header = parts ? ParseHeader(parts->header) : std::nullopt;
  if (!header) return Unauthenticated("the ID token is malformed");
  if (header->kid != key.kid) return Unauthenticated("the ID token names another key");
  if (header->algorithm != JwsName(key.algorithm))
    return Unauthenticated("the ID token's algorithm is not its key's");
  const auto signature = Base64UrlDecode(parts->signature);
  if (!signature || !Verify(key, AsBytes(parts->signed_text), *signature)) {
    return Unauthenticated("the ID token's signature is invalid");
  }
  const auto bytes = Base64UrlDecode(parts->claims);
  const auto claims = bytes ? ParseStrictObject(AsText(*bytes)) : std::nullopt;
  if (!claims) return Unauthenticated("the ID token's claims are not a strict JSON object");
  if (TextOr(*claims, "iss") != rules.issuer) return Unauthenticated("the ID token is of another issuer");
  if (!IsForUs(*claims, rules)) return Unauthenticated("the ID token is for another client");
  TRYV(CheckTimes(*claims, now));
  IdClaims out{TextOr(*claims, "sub"), TextOr(*claims, "email"), false, TextOr(*claims, "name")};
  if (out.subject.empty() || out.subject.size() > kMaxSubjectBytes) {
    return Unauthenticated("the ID token's subject is missing or too long");
  }
  const auto verified = claims->find("email_verified");
  out.email_verified = verified != claims->end() && verified->is_boolean() && verified->get<bool>();
  return out;
}

}  // namespace claviger::crypto
