#include "crypto/signing_rules.h"

#include <algorithm>
#include <cstdlib>

#include "crypto/canonical_reader.h"
#include "crypto/jwt_parts.h"
#include "crypto/token_claims.h"

namespace claviger::crypto {
namespace {

constexpr std::chrono::seconds kSkew{kClockSkewSeconds};

Digest ReadDigest(CanonicalReader& reader) { return ToDigest(reader.Field()).value_or(Digest{}); }

}  // namespace

Status CheckTokenToSign(ByteView message, std::string_view issuer, const std::vector<PublicKey>& keys,
                        Time now) {
  const std::string_view text = AsText(message);
  const size_t dot = text.find('.');
  if (text.size() > kMaxTokenBytes || dot == std::string_view::npos) return Internal("no token to sign");
  const auto header_json = Base64UrlDecode(text.substr(0, dot));
  const auto claims_json = Base64UrlDecode(text.substr(dot + 1));
  if (!header_json || !claims_json) return Internal("a token to sign is not base64url");

  const auto header = ParseTokenHeader(AsText(*header_json));
  const auto is_named = [&](const PublicKey& key) { return header->kid == key.kid; };
  const auto key = header ? std::find_if(keys.begin(), keys.end(), is_named) : keys.end();
  if (key == keys.end() || TokenHeaderJson(key->algorithm, key->kid) != AsText(*header_json)) {
    return Internal("the header of a token to sign is not ours");
  }
  const auto parsed = ParseTokenClaims(issuer, AsText(*claims_json));
  if (!parsed) return Internal("claims to sign: " + parsed.error().cause);
  // Writing them again finds whatever else they say.
  const TokenClaims& claims = parsed.value().claims;
  if (TokenClaimsJson(issuer, claims) != AsText(*claims_json)) return Internal("claims to sign are not ours");
  if (std::abs(claims.issued_at - UnixSeconds(now)) > kClockSkewSeconds) {
    return Internal("a token to sign is issued at another time");
  }
  return Ok();
}

Result<AuditCheckpoint> CheckCheckpointToSign(ByteView message, std::string_view kid, Time now) {
  CanonicalReader reader(message, "claviger/audit-checkpoint/1");
  AuditCheckpoint checkpoint;
  checkpoint.number = reader.Number();
  checkpoint.previous = ReadDigest(reader);
  checkpoint.root = ReadDigest(reader);
  checkpoint.total_records = reader.Number();
  checkpoint.created_at = Time(std::chrono::microseconds(static_cast<int64_t>(reader.Number())));
  checkpoint.kid = AsText(reader.Field());
  const Bytes written = CheckpointBytes(checkpoint);
  const bool same = std::equal(written.begin(), written.end(), message.begin(), message.end());
  if (!reader.Complete() || !same) return Internal("no checkpoint to sign");
  if (checkpoint.number == 0 || AuditKeyVersion(checkpoint.kid) == 0 || checkpoint.kid != kid) {
    return Internal("a checkpoint to sign names another key");
  }
  if (checkpoint.created_at < now - kSkew || checkpoint.created_at > now + kSkew) {
    return Internal("a checkpoint to sign is made at another time");
  }
  return checkpoint;
}

}  // namespace claviger::crypto
