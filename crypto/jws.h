#pragma once
// Access tokens: JWS compact serialisation (RFC 7515) with EdDSA (RFC 8037) or ES256, signed in the HSM and
// verified in software. The algorithm is pinned by the key that `kid` names, never taken from the header.

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "crypto/digest.h"
#include "crypto/keyring.h"

namespace claviger::crypto {

enum class PrincipalType : uint8_t { kUser, kAgent };
const char* Name(PrincipalType type);  // "user", "agent"

struct TokenClaims {
  PrincipalType subject_type = PrincipalType::kUser;
  Uuid subject{};
  OrgId org;
  TokenId id;              // jti
  int64_t issued_at = 0;   // seconds since 1970
  int64_t expires_at = 0;  // at most issued_at + 900
  std::vector<std::string> scopes;
  std::optional<KeyId> key{};  // key_id: the personal API key that the token was given for
};

inline constexpr int64_t kMaxTokenLifetimeSeconds = 900;
inline constexpr size_t kMaxTokenBytes = 8192;

// {"alg":"EdDSA","typ":"JWT","kid":...}.{"iss","aud","sub","org","scopes","iat","nbf","exp","jti"}
// and "key_id" if there is one
// kInternal for claims that TokenVerifier would refuse; the keyring's own failures pass through.
Result<std::string> SignToken(Keyring& keyring, std::string_view issuer, const TokenClaims& claims);

class TokenVerifier {
 public:
  // Keys that are malformed or of small order are left out: a token that names one is refused. These are all
  // there are, until Replace.
  TokenVerifier(std::string issuer, std::vector<PublicKey> keys);
  // Exchanges the keys; those who verify meanwhile do not wait. Until `complete_until` no other key signs
  // anywhere. Afterwards who names an unknown key may be right, and gets kUnavailable.
  void Replace(std::vector<PublicKey> keys, Time complete_until);
  // Any other failure is kUnauthenticated with the one public text; the cause tells which check failed.
  // Refuses: other alg, unknown kid, `crit`, `jku`/`x5u`/`jwk`, duplicate members, non-canonical base64url,
  // trailing bytes, missing or mistyped claims, exp - iat > 900, exp <= now, iat or nbf more than 60 s ahead,
  // S >= L, small-order keys.
  Result<TokenClaims> Verify(std::string_view token, Time now) const;

 private:
  using Keys = std::map<std::string, PublicKey, std::less<>>;  // by kid
  static std::unique_ptr<const Keys> Sound(std::vector<PublicKey> keys);

  const std::string issuer_;
  std::mutex mutex_;  // guards sets_
  // All that were ever in use, the newest last: somebody may still be reading an older one. They are few,
  // since there is a new one only when a key was made or destroyed.
  std::vector<std::unique_ptr<const Keys>> sets_;
  std::atomic<const Keys*> keys_;
  std::atomic<Time> complete_until_{Time::max()};
};

// RFC 8037 raw verification; false for anything but a valid signature (strict: S < L, canonical encodings, no
// small-order key). VerifyEs256 takes r || s; as ECDSA allows, n - s is valid where s is.
bool VerifyEdDsa(ByteView public_key, ByteView message, ByteView signature);
bool VerifyEs256(ByteView public_key, ByteView message, ByteView signature);
// RSASSA-PKCS1-v1_5 with SHA-256, for tokens of others: a modulus of 2048 to 8192 bits.
bool VerifyRs256(ByteView modulus, ByteView exponent, ByteView message, ByteView signature);
bool VerifySignature(const PublicKey& key, ByteView message, ByteView signature);

// RFC 7517 key set (unsound keys are left out), and one key as PEM SubjectPublicKeyInfo.
std::string JwksJson(const std::vector<PublicKey>& keys);
Result<std::string> PublicKeyPem(const PublicKey& key);
// Reads a JWKS or a PEM file's text (for offline verification): at least one key, and nothing but sound
// public keys of the two algorithms, else kInvalid. A PEM key gets the kid "".
Result<std::vector<PublicKey>> ParsePublicKeys(std::string_view text);

}  // namespace claviger::crypto
