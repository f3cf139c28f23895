// A token from anywhere, and its two JSON parts as if the signature had been right.
#include "crypto/token_claims.h"
#include "tests/fakes/fake_keyring.h"
#include "tests/fuzz/require.h"

using namespace claviger;
using namespace claviger::crypto;
using fuzz::Require;

namespace {

constexpr const char* kIssuer = "https://vault.example";
constexpr Time kNow{std::chrono::seconds{1772366400}};

bool SameClaims(const TokenClaims& a, const TokenClaims& b) {
  return a.subject_type == b.subject_type && a.subject == b.subject && a.org == b.org && a.id == b.id &&
         a.issued_at == b.issued_at && a.expires_at == b.expires_at && a.scopes == b.scopes;
}

void CheckClaims(std::string_view text) {
  const auto parsed = ParseTokenClaims(kIssuer, text);
  if (!parsed) return;
  const TokenClaims& claims = parsed.value().claims;
  Require(HasSaneTimes(claims), "accepted times are sane");
  const auto again = ParseTokenClaims(kIssuer, TokenClaimsJson(kIssuer, claims));
  Require(again && SameClaims(claims, again.value().claims), "claims print back");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static fakes::FakeKeyring keyring;
  static const TokenVerifier verifier(kIssuer, keyring.PublicKeys(SigningKey::kToken).value());
  const std::string_view text = fuzz::Text(data, size);
  if (const auto claims = verifier.Verify(text, kNow)) {
    // Only what this keyring signed can get here: the seed itself.
    Require(SignToken(keyring, kIssuer, claims.value()).value() == text,
            "an accepted token is one that was signed");
  }
  if (const auto header = ParseTokenHeader(text)) {
    Require(IsUtf8(header->kid) && IsUtf8(header->algorithm), "header texts are UTF-8");
  }
  CheckClaims(text);
  return 0;
}
