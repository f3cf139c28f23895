#include "tests/fakes/fake_keyring.h"
#include "tests/unit/crypto/samples.h"
#include "tests/unit/crypto/vectors.h"

using namespace claviger;
using namespace claviger::crypto;
using namespace claviger::test;

namespace {

constexpr std::string_view kPublicText = "Invalid or expired token";
const std::string kHeader = R"({"alg":"EdDSA","typ":"JWT","kid":"claviger-token-v1"})";

struct Fixture {
  fakes::FakeKeyring keyring;
  TokenVerifier verifier{kIssuer, keyring.PublicKeys(SigningKey::kToken).value()};
  std::string claims = std::string(AsText(KnownAnswer("token_claims")));

  // A token with a genuine signature over any two texts.
  std::string Sign(std::string_view header, std::string_view claims_json) {
    const std::string text = Base64UrlEncode(AsBytes(header)) + '.' + Base64UrlEncode(AsBytes(claims_json));
    return text + '.' + Base64UrlEncode(keyring.Sign(SigningKey::kToken, AsBytes(text)).value().bytes);
  }
  std::string With(std::string_view from, std::string_view to) const {
    std::string text = claims;
    const size_t at = text.find(from);
    REQUIRE(at != std::string::npos);
    return text.replace(at, from.size(), to);
  }
  // The private reason of the refusal; every refusal must show the same public face.
  std::string Refusal(std::string_view token, Time now = AfterIssue(0)) const {
    const auto result = verifier.Verify(token, now);
    if (result) return "accepted";
    CHECK(result.error().kind == ErrorKind::kUnauthenticated);
    CHECK(result.error().detail == kPublicText);
    return result.error().cause;
  }
};

}  // namespace

TEST_CASE("A signed token is the documented text and verifies to its claims") {
  Fixture f;
  const std::string token = SignToken(f.keyring, kIssuer, SampleClaims()).value();
  CHECK(token == AsText(KnownAnswer("token")));
  CHECK(AsText(KnownAnswer("token_header")) == kHeader);
  const TokenClaims claims = f.verifier.Verify(token, AfterIssue(0)).value();
  CHECK(claims.subject_type == PrincipalType::kUser);
  CHECK(claims.subject == SampleClaims().subject);
  CHECK(claims.org == kOrg);
  CHECK(claims.id == SampleClaims().id);
  CHECK(claims.issued_at == kIssuedAt);
  CHECK(claims.expires_at == kIssuedAt + 900);
  CHECK(claims.scopes == std::vector<std::string>{"*"});
}

TEST_CASE("Agents, scopes and ES256 tokens survive the round trip") {
  for (const auto algorithm : {SignatureAlgorithm::kEdDsa, SignatureAlgorithm::kEs256}) {
    fakes::FakeKeyring keyring(3, algorithm);
    TokenVerifier verifier(kIssuer, keyring.PublicKeys(SigningKey::kToken).value());
    TokenClaims claims = SampleClaims();
    claims.subject_type = PrincipalType::kAgent;
    claims.scopes = {"prod/*", "\"quoted\"", "gr\xC3\xBC\xC3\x9F"};
    claims.expires_at = claims.issued_at + 60;
    const auto read = verifier.Verify(SignToken(keyring, kIssuer, claims).value(), AfterIssue(59)).value();
    CHECK(read.subject_type == PrincipalType::kAgent);
    CHECK(read.scopes == claims.scopes);
    CHECK(read.expires_at == claims.expires_at);
    claims.scopes.clear();
    CHECK(verifier.Verify(SignToken(keyring, kIssuer, claims).value(), AfterIssue(0)).value().scopes.empty());
  }
}

TEST_CASE("A token of the key before a rotation still verifies; a new one names the new key") {
  fakes::FakeKeyring keyring;
  const std::string old_token = SignToken(keyring, kIssuer, SampleClaims()).value();
  keyring.RotateSigningKey(SigningKey::kToken);
  const std::string new_token = SignToken(keyring, kIssuer, SampleClaims()).value();
  TokenVerifier verifier(kIssuer, keyring.PublicKeys(SigningKey::kToken).value());
  CHECK(verifier.Verify(old_token, AfterIssue(0)));
  CHECK(verifier.Verify(new_token, AfterIssue(0)));
  TokenVerifier stale(kIssuer, {keyring.PublicKeys(SigningKey::kToken).value().back()});
  CHECK(stale.Verify(old_token, AfterIssue(0)));
  CHECK_FALSE(stale.Verify(new_token, AfterIssue(0)));
}

TEST_CASE("A verifier whose keys are replaced accepts what they signed, and nothing of those that left") {
  fakes::FakeKeyring keyring;
  const std::string old_token = SignToken(keyring, kIssuer, SampleClaims()).value();
  TokenVerifier verifier(kIssuer, keyring.PublicKeys(SigningKey::kToken).value());
  keyring.RotateSigningKey(SigningKey::kToken);
  const std::string new_token = SignToken(keyring, kIssuer, SampleClaims()).value();
  const auto both = keyring.PublicKeys(SigningKey::kToken).value();
  CHECK(verifier.Verify(new_token, AfterIssue(0)).error().kind == ErrorKind::kUnauthenticated);
  verifier.Replace(both, AfterIssue(10));
  CHECK(verifier.Verify(old_token, AfterIssue(0)));
  CHECK(verifier.Verify(new_token, AfterIssue(11)));
  verifier.Replace({both.front()}, AfterIssue(10));
  CHECK(verifier.Verify(new_token, AfterIssue(11)));
  CHECK(verifier.Verify(old_token, AfterIssue(10)).error().kind == ErrorKind::kUnauthenticated);
  CHECK(verifier.Verify(old_token, AfterIssue(11)).error().kind == ErrorKind::kUnavailable);
  // A known name with another key behind it is a forgery at any time.
  PublicKey impostor = both.back();
  impostor.kid = both.front().kid;
  verifier.Replace({impostor}, AfterIssue(10));
  CHECK(verifier.Verify(new_token, AfterIssue(11)).error().kind == ErrorKind::kUnauthenticated);
}

TEST_CASE("A key that rotates between naming and signing gives a token that names its signer") {
  fakes::FakeKeyring keyring;
  keyring.RotateBeforeNextSign();
  const std::string token = SignToken(keyring, kIssuer, SampleClaims()).value();
  TokenVerifier verifier(kIssuer, keyring.PublicKeys(SigningKey::kToken).value());
  CHECK(verifier.Verify(token, AfterIssue(0)));
}

TEST_CASE("A token over 8192 bytes is refused though its signature fits") {
  Fixture f;
  const auto padded = [&](size_t size) {
    return f.Sign(kHeader, f.With(R"("jti")", R"("pad":")" + std::string(size, 'x') + R"(","jti")"));
  };
  CHECK(f.Refusal(padded(5000)) == "accepted");
  CHECK(padded(6000).size() > kMaxTokenBytes);
  CHECK(f.Refusal(padded(6000)) == "token too long");
}

TEST_CASE("Times are checked against the clock with 60 seconds of skew for a start in the future only") {
  Fixture f;
  const std::string token(AsText(KnownAnswer("token")));
  CHECK(f.Refusal(token, AfterIssue(899)) == "accepted");
  CHECK(f.Refusal(token, AfterIssue(899) + std::chrono::microseconds{999999}) == "accepted");
  CHECK(f.Refusal(token, AfterIssue(900)) == "expired");
  CHECK(f.Refusal(token, AfterIssue(100000)) == "expired");
  CHECK(f.Refusal(token, AfterIssue(-60)) == "accepted");
  CHECK(f.Refusal(token, AfterIssue(-61)) == "issued in the future");
  const std::string later = f.Sign(kHeader, f.With("\"nbf\":1772366400", "\"nbf\":1772366461"));
  CHECK(f.Refusal(later, AfterIssue(0)) == "not yet valid");
  CHECK(f.Refusal(later, AfterIssue(1)) == "accepted");
}

TEST_CASE("Lifetimes beyond 900 seconds or without sense are refused, by the signer too") {
  Fixture f;
  for (const char* exp : {"1772367301", "1772366400", "1772366399", "0", "253402300800",
                          "9223372036854775807", "18446744073709551615", "99999999999999999999999"}) {
    CAPTURE(exp);
    CHECK(f.Refusal(f.Sign(kHeader, f.With("\"exp\":1772367300", std::string("\"exp\":") + exp))) !=
          "accepted");
  }
  for (const int64_t lifetime : {int64_t{-1}, int64_t{0}, int64_t{901}, INT64_MAX - kIssuedAt}) {
    TokenClaims claims = SampleClaims();
    claims.expires_at = claims.issued_at + lifetime;
    CHECK(SignToken(f.keyring, kIssuer, claims).error().kind == ErrorKind::kInternal);
  }
  TokenClaims claims = SampleClaims();
  claims.scopes = {"bad \xFF"};
  CHECK_FALSE(SignToken(f.keyring, kIssuer, claims));
  claims.scopes = {std::string(kMaxTokenBytes, 'x')};
  CHECK_FALSE(SignToken(f.keyring, kIssuer, claims));
}

TEST_CASE("The algorithm is the key's; a header that says otherwise is refused though its signature fits") {
  Fixture f;
  for (const char* algorithm : {"none", "None", "HS256", "ES256", "RS256", "eddsa", "EdDSA ", ""}) {
    CAPTURE(algorithm);
    const std::string header =
        std::string(R"({"alg":")") + algorithm + R"(","typ":"JWT","kid":"claviger-token-v1"})";
    CHECK(f.Refusal(f.Sign(header, f.claims)) == "token of another algorithm");
  }
  const std::string text =
      Base64UrlEncode(AsBytes(R"({"alg":"none","typ":"JWT","kid":"claviger-token-v1"})")) + '.' +
      Base64UrlEncode(AsBytes(f.claims)) + '.';
  CHECK(f.Refusal(text) == "token of another algorithm");
}

TEST_CASE("Headers with further, missing, doubled or mistyped members are refused") {
  Fixture f;
  for (const char* header : {
           R"({"alg":"EdDSA","typ":"JWT","kid":"claviger-token-v1","crit":["exp"]})",
           R"({"alg":"EdDSA","typ":"JWT","kid":"claviger-token-v1","jku":"https://evil.example/keys"})",
           R"({"alg":"EdDSA","typ":"JWT","kid":"claviger-token-v1","x5u":"https://evil.example/cert"})",
           R"({"alg":"EdDSA","typ":"JWT","kid":"claviger-token-v1","jwk":{"kty":"OKP"}})",
           R"({"alg":"EdDSA","typ":"JWT","kid":"claviger-token-v1","b64":false})",
           R"({"alg":"EdDSA","typ":"JWT","kid":"x","kid":"claviger-token-v1"})",
           R"({"alg":"none","typ":"JWT","kid":"claviger-token-v1","alg":"EdDSA"})",
           R"({"alg":"EdDSA","typ":"JWT","kid":["claviger-token-v1"]})",
           R"({"alg":"EdDSA","typ":"jwt","kid":"claviger-token-v1"})",
           R"({"alg":"EdDSA","kid":"claviger-token-v1"})",
           R"({"alg":"EdDSA","typ":"JWT"})",
           R"({"typ":"JWT","kid":"claviger-token-v1"})",
           R"([])",
           R"("EdDSA")",
           R"({})",
           "",
           "{",
           "null",
       }) {
    CAPTURE(header);
    CHECK(f.Refusal(f.Sign(header, f.claims)) == "token header is malformed");
  }
}

TEST_CASE("Key ids are looked up, never interpreted") {
  Fixture f;
  for (const char* kid : {"", "claviger-token-v2", "../../etc/passwd", "claviger-token-v1 ",
                          "CLAVIGER-TOKEN-V1", "claviger-token-v1\\u0000"}) {
    CAPTURE(kid);
    const std::string header = std::string(R"({"alg":"EdDSA","typ":"JWT","kid":")") + kid + R"("})";
    CHECK(f.Refusal(f.Sign(header, f.claims)) == "token signed by an unknown key");
  }
}

TEST_CASE("Weak and malformed keys never enter the verifier") {
  Fixture f;
  Bytes identity(32), universal(64);
  identity[0] = universal[0] = 1;
  TokenVerifier verifier(kIssuer, {{"weak", SignatureAlgorithm::kEdDsa, identity},
                                   {"short", SignatureAlgorithm::kEdDsa, Bytes(5)},
                                   {"", SignatureAlgorithm::kEdDsa, KnownAnswer("token_public_key")}});
  for (const char* kid : {"weak", "short", ""}) {
    const std::string header = std::string(R"({"alg":"EdDSA","typ":"JWT","kid":")") + kid + R"("})";
    const std::string token = Base64UrlEncode(AsBytes(header)) + '.' + Base64UrlEncode(AsBytes(f.claims)) +
                              '.' + Base64UrlEncode(universal);
    CHECK(verifier.Verify(token, AfterIssue(0)).error().cause == "token signed by an unknown key");
  }
}

TEST_CASE("Signatures of another key, of the audit key or over another text are refused") {
  Fixture f;
  fakes::FakeKeyring stranger(99);
  CHECK(f.Refusal(SignToken(stranger, kIssuer, SampleClaims()).value()) == "token signature is invalid");
  const std::string token(AsText(KnownAnswer("token")));
  const std::string text = token.substr(0, token.rfind('.'));
  CHECK(f.Refusal(text + '.' +
                  Base64UrlEncode(f.keyring.Sign(SigningKey::kAudit, AsBytes(text)).value().bytes)) ==
        "token signature is invalid");
  CHECK(f.Refusal(text + '.') == "token signature is invalid");
}

TEST_CASE("Claims that are missing, mistyped, foreign or doubled are refused") {
  Fixture f;
  const std::pair<const char*, const char*> edits[] = {
      {R"("iss":"https://vault.example")", R"("iss":"https://evil.example")"},
      {R"("iss":"https://vault.example",)", ""},
      {R"("iss":"https://vault.example")", R"("iss":["https://vault.example"])"},
      {R"("aud":"https://vault.example")", R"("aud":"https://vault.example/")"},
      {R"("aud":"https://vault.example")", R"("aud":["https://vault.example"])"},
      {R"("aud":"https://vault.example",)", ""},
      {"user:", "admin:"},
      {"user:", ""},
      {"user:", "user: "},
      {"user:0190aaaa-0004", "user:0190AAAA-0004"},
      {"user:0190aaaa-0004-7000-8000-000000000001", "user:"},
      {R"("org":"0190)", R"("org":"x190)"},
      {R"("org":"0190aaaa)", R"("org":"0190AAAA)"},
      {R"("jti":"0190)", R"("jti":"{0190)"},
      {R"("scopes":["*"])", R"("scopes":"*")"},
      {R"("scopes":["*"])", R"("scopes":["*",1])"},
      {R"("scopes":["*"],)", ""},
      {R"("iat":1772366400)", R"("iat":"1772366400")"},
      {R"("iat":1772366400)", R"("iat":1772366400.0)"},
      {R"("iat":1772366400)", R"("iat":1.7723664e9)"},
      {R"("iat":1772366400)", R"("iat":-1772366400)"},
      {R"("iat":1772366400,)", ""},
      {R"("nbf":1772366400,)", ""},
      {R"("nbf":1772366400)", R"("nbf":null)"},
      {R"("exp":1772367300,)", ""},
      {R"("exp":1772367300)", R"("exp":true)"},
      {R"("exp":1772367300)", R"("exp":1,"exp":1772367300)"},
      {R"("org":)", R"("org":"x","org":)"},
      {R"({"iss")", R"( {"iss")"},
  };
  for (const auto& [from, to] : edits) {
    CAPTURE(from);
    CAPTURE(to);
    CHECK(f.Refusal(f.Sign(kHeader, f.With(from, to))) != "accepted");
  }
  CHECK(f.Refusal(f.Sign(kHeader, "")) != "accepted");
  CHECK(f.Refusal(f.Sign(kHeader, f.claims + "x")) != "accepted");
  CHECK(f.Refusal(f.Sign(kHeader, f.With("*", "\xFF"))) != "accepted");
  CHECK(f.Refusal(f.Sign(kHeader, f.With(R"("jti")", R"("later_claim":{"a":[1]},"jti")"))) == "accepted");
}

TEST_CASE("An HSM that is gone makes signing unavailable") {
  fakes::FakeKeyring keyring;
  keyring.SetUnavailable(true);
  CHECK(SignToken(keyring, kIssuer, SampleClaims()).error().kind == ErrorKind::kUnavailable);
}

TEST_CASE("The key that a token was given for survives the round trip, and only in its own form") {
  Fixture f;
  TokenClaims claims = SampleClaims();
  claims.key = KeyId{claims.subject};
  CHECK(f.verifier.Verify(SignToken(f.keyring, kIssuer, claims).value(), AfterIssue(0)).value().key ==
        claims.key);
  CHECK(!f.verifier.Verify(f.Sign(kHeader, f.claims), AfterIssue(0)).value().key);
  for (const char* bad : {R"("key_id":null,"jti")", R"("key_id":7,"jti")", R"("key_id":"","jti")",
                          R"("key_id":"0190AAAA-0004-7000-8000-000000000001","jti")"}) {
    CHECK(f.Refusal(f.Sign(kHeader, f.With(R"("jti")", bad))) == "key_id is malformed");
  }
}
