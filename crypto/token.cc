#include <algorithm>

#include "crypto/jwt_parts.h"
#include "crypto/public_key.h"
#include "crypto/token_claims.h"

namespace claviger::crypto {
namespace {

Status CheckTimes(const ParsedClaims& parsed, Time now) {
  const TokenClaims& claims = parsed.claims;
  const int64_t seconds = UnixSeconds(now);
  if (claims.expires_at <= seconds) return Unauthenticated("expired");
  if (claims.issued_at > seconds + kClockSkewSeconds) return Unauthenticated("issued in the future");
  if (parsed.not_before > seconds + kClockSkewSeconds) return Unauthenticated("not yet valid");
  return Ok();
}

bool IsSignable(std::string_view issuer, const TokenClaims& claims) {
  return IsUtf8(issuer) && HasSaneTimes(claims) &&
         std::all_of(claims.scopes.begin(), claims.scopes.end(),
                     [](const auto& scope) { return IsUtf8(scope); });
}

}  // namespace

Result<std::string> SignToken(Keyring& keyring, std::string_view issuer, const TokenClaims& claims) {
  if (!IsSignable(issuer, claims)) return Internal("claims that no verifier would accept");
  const std::string claims_part = Base64UrlEncode(AsBytes(TokenClaimsJson(issuer, claims)));
  // The header names the key before it signs; a rotation between the two calls changes the newest key once.
  for (int attempt = 0; attempt < 2; ++attempt) {
    TRY(const auto keys, keyring.PublicKeys(SigningKey::kToken));
    if (keys.empty()) return Internal("the keyring has no token signing key");
    const PublicKey& key = keys.front();
    std::string token = Base64UrlEncode(AsBytes(TokenHeaderJson(key.algorithm, key.kid))) + '.' + claims_part;
    TRY(const auto signature, keyring.Sign(SigningKey::kToken, AsBytes(token)));
    if (signature.kid != key.kid) continue;
    token += '.' + Base64UrlEncode(signature.bytes);
    if (token.size() > kMaxTokenBytes) return Internal("token too long");
    return token;
  }
  return Internal("the token signing key changed while signing");
}

std::unique_ptr<const TokenVerifier::Keys> TokenVerifier::Sound(std::vector<PublicKey> keys) {
  Keys sound;
  for (PublicKey& key : keys) {
    if (!key.kid.empty() && IsSound(key)) sound.emplace(key.kid, std::move(key));
  }
  return std::make_unique<const Keys>(std::move(sound));
}

TokenVerifier::TokenVerifier(std::string issuer, std::vector<PublicKey> keys) : issuer_(std::move(issuer)) {
  sets_.push_back(Sound(std::move(keys)));
  keys_ = sets_.back().get();
}

void TokenVerifier::Replace(std::vector<PublicKey> keys, Time complete_until) {
  auto set = Sound(std::move(keys));
  const std::lock_guard lock(mutex_);
  if (*set != *sets_.back()) {
    sets_.push_back(std::move(set));
    keys_ = sets_.back().get();
  }
  complete_until_ = complete_until;  // after the keys it speaks of
}

Result<TokenClaims> TokenVerifier::Verify(std::string_view token, Time now) const {
  if (token.size() > kMaxTokenBytes) return Unauthenticated("token too long");
  const auto parts = SplitJwt(token);
  if (!parts) return Unauthenticated("token has not three parts");
  const auto header_json = Base64UrlDecode(parts->header);
  const auto header = header_json ? ParseTokenHeader(AsText(*header_json)) : std::nullopt;
  if (!header) return Unauthenticated("token header is malformed");
  const Time complete_until = complete_until_;  // before the keys it speaks of
  const Keys& keys = *keys_.load();
  const auto key = keys.find(header->kid);
  if (key == keys.end() && now > complete_until) {
    return Unavailable("a token names a key, and the HSM cannot be asked whether it is there");
  }
  if (key == keys.end()) return Unauthenticated("token signed by an unknown key");
  if (header->algorithm != JwsName(key->second.algorithm))
    return Unauthenticated("token of another algorithm");
  const auto signature = Base64UrlDecode(parts->signature);
  if (!signature || !VerifySignature(key->second, AsBytes(parts->signed_text), *signature)) {
    return Unauthenticated("token signature is invalid");
  }
  const auto claims_json = Base64UrlDecode(parts->claims);
  if (!claims_json) return Unauthenticated("token claims are not base64url");
  TRY(auto parsed, ParseTokenClaims(issuer_, AsText(*claims_json)));
  TRYV(CheckTimes(parsed, now));
  return std::move(parsed.claims);
}

}  // namespace claviger::crypto
