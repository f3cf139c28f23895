#include "crypto/token_claims.h"

#include <algorithm>

#include "crypto/jwt_parts.h"
#include "crypto/public_key.h"
#include "crypto/strict_json.h"

namespace claviger::crypto {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

std::string Dump(const ordered_json& value) {
  return value.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

std::optional<Uuid> FindUuid(const json& claims, const char* name) {
  const std::string* text = FindString(claims, name);
  const auto uuid = text == nullptr ? std::nullopt : ParseUuid(*text);
  // One spelling: lower case.
  return uuid && FormatUuid(*uuid) == *text ? uuid : std::nullopt;
}

// "user:<uuid>" or "agent:<uuid>".
bool ParseSubject(std::string_view text, TokenClaims& out) {
  for (const PrincipalType type : {PrincipalType::kUser, PrincipalType::kAgent}) {
    const std::string prefix = std::string(Name(type)) + ':';
    if (!text.starts_with(prefix)) continue;
    const auto uuid = ParseUuid(text.substr(prefix.size()));
    if (!uuid || FormatUuid(*uuid) != text.substr(prefix.size())) return false;
    out.subject_type = type;
    out.subject = *uuid;
    return true;
  }
  return false;
}

bool ParseScopes(const json& claims, std::vector<std::string>& out) {
  const auto list = claims.find("scopes");
  if (list == claims.end() || !list->is_array()) return false;
  for (const json& scope : *list) {
    if (!scope.is_string()) return false;
    out.push_back(scope.get<std::string>());
  }
  return true;
}

}  // namespace

const char* Name(PrincipalType type) { return type == PrincipalType::kUser ? "user" : "agent"; }

std::string TokenHeaderJson(SignatureAlgorithm algorithm, std::string_view kid) {
  return Dump({{"alg", JwsName(algorithm)}, {"typ", "JWT"}, {"kid", kid}});
}

std::optional<TokenHeader> ParseTokenHeader(std::string_view text) {
  const auto header = ParseStrictObject(text);
  if (!header || header->size() != 3) return std::nullopt;
  const std::string* algorithm = FindString(*header, "alg");
  const std::string* type = FindString(*header, "typ");
  const std::string* kid = FindString(*header, "kid");
  if (algorithm == nullptr || type == nullptr || kid == nullptr || *type != "JWT") return std::nullopt;
  return TokenHeader{*algorithm, *kid};
}

std::string TokenClaimsJson(std::string_view issuer, const TokenClaims& claims) {
  ordered_json json = {{"iss", issuer},
                       {"aud", issuer},
                       {"sub", std::string(Name(claims.subject_type)) + ':' + FormatUuid(claims.subject)},
                       {"org", claims.org.ToString()},
                       {"scopes", claims.scopes},
                       {"iat", claims.issued_at},
                       {"nbf", claims.issued_at},
                       {"exp", claims.expires_at},
                       {"jti", claims.id.ToString()}};
  if (claims.key) json["key_id"] = claims.key->ToString();
  return Dump(json);
}

bool HasSaneTimes(const TokenClaims& claims) {
  return claims.issued_at >= 0 && claims.expires_at <= kEndOfYear9999 &&
         claims.expires_at > claims.issued_at &&
         claims.expires_at - claims.issued_at <= kMaxTokenLifetimeSeconds;
}

Result<ParsedClaims> ParseTokenClaims(std::string_view issuer, std::string_view text) {
  const auto json_claims = ParseStrictObject(text);
  if (!json_claims) return Unauthenticated("claims are not a strict JSON object");
  const std::string* iss = FindString(*json_claims, "iss");
  const std::string* aud = FindString(*json_claims, "aud");
  if (iss == nullptr || *iss != issuer) return Unauthenticated("iss is not this issuer");
  if (aud == nullptr || *aud != issuer) return Unauthenticated("aud is not this issuer");
  TokenClaims claims;
  const std::string* sub = FindString(*json_claims, "sub");
  if (sub == nullptr || !ParseSubject(*sub, claims)) return Unauthenticated("sub is malformed");
  const auto org = FindUuid(*json_claims, "org");
  if (!org) return Unauthenticated("org is malformed");
  const auto jti = FindUuid(*json_claims, "jti");
  if (!jti) return Unauthenticated("jti is malformed");
  if (!ParseScopes(*json_claims, claims.scopes)) return Unauthenticated("scopes are malformed");
  const auto iat = FindNumericDate(*json_claims, "iat");
  const auto nbf = FindNumericDate(*json_claims, "nbf");
  const auto exp = FindNumericDate(*json_claims, "exp");
  if (!iat || !nbf || !exp) return Unauthenticated("iat, nbf or exp is malformed");
  if (json_claims->contains("key_id")) {
    const auto key = FindUuid(*json_claims, "key_id");
    if (!key) return Unauthenticated("key_id is malformed");
    claims.key = KeyId{*key};
  }
  claims.org.uuid = *org;
  claims.id.uuid = *jti;
  claims.issued_at = *iat;
  claims.expires_at = *exp;
  if (!HasSaneTimes(claims)) return Unauthenticated("the lifetime is out of bounds");
  return ParsedClaims{std::move(claims), *nbf};
}

}  // namespace claviger::crypto
