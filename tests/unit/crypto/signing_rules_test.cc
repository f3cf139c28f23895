#include "crypto/signing_rules.h"

#include <doctest/doctest.h>

#include "crypto/canonical.h"
#include "crypto/canonical_reader.h"
#include "crypto/token_claims.h"
#include "tests/fakes/fake_keyring.h"
#include "tests/unit/crypto/samples.h"

using namespace claviger;
using namespace claviger::crypto;
using namespace claviger::test;

namespace {

struct Tokens {
  fakes::FakeKeyring keyring;
  std::vector<PublicKey> keys = keyring.PublicKeys(SigningKey::kToken).value();
  std::string header = TokenHeaderJson(keys.front().algorithm, keys.front().kid);
  std::string claims = TokenClaimsJson(kIssuer, SampleClaims());

  // The reason of the refusal, or "" if it may be signed.
  std::string Check(Time now = AfterIssue(0)) const {
    return Refusal(Base64UrlEncode(AsBytes(header)) + '.' + Base64UrlEncode(AsBytes(claims)), now);
  }
  std::string Refusal(std::string_view message, Time now = AfterIssue(0)) const {
    const Status checked = CheckTokenToSign(AsBytes(message), kIssuer, keys, now);
    if (checked) return "";
    CHECK(checked.error().kind == ErrorKind::kInternal);
    return checked.error().cause;
  }
  Tokens& Replace(std::string& in, std::string_view from, std::string_view to) {
    const size_t at = in.find(from);
    REQUIRE(at != std::string::npos);
    in.replace(at, from.size(), to);
    return *this;
  }
};

AuditCheckpoint Checkpoint() {
  AuditCheckpoint checkpoint;
  checkpoint.number = 7;
  checkpoint.previous.fill(1);
  checkpoint.root.fill(2);
  checkpoint.total_records = 9;
  checkpoint.created_at = AfterIssue(0);
  checkpoint.kid = "claviger-audit-v2";
  return checkpoint;
}

std::string Refusal(ByteView message, Time now = AfterIssue(0), std::string_view kid = "claviger-audit-v2") {
  const auto checked = CheckCheckpointToSign(message, kid, now);
  return checked ? "" : checked.error().cause;
}

}  // namespace

TEST_CASE("What SignToken asks to sign is signed") {
  Tokens tokens;
  CHECK(tokens.Check() == "");
  CHECK(tokens.Check(AfterIssue(60)) == "");
  CHECK(tokens.Check(AfterIssue(-60)) == "");
  tokens.keyring.RotateSigningKey(SigningKey::kToken);
  tokens.keys = tokens.keyring.PublicKeys(SigningKey::kToken).value();
  CHECK(tokens.Check() == "");  // it was begun with the key before
}

TEST_CASE("A token for another time is not signed") {
  CHECK(Tokens().Check(AfterIssue(61)) == "a token to sign is issued at another time");
  CHECK(Tokens().Check(AfterIssue(-61)) == "a token to sign is issued at another time");
}

TEST_CASE("A token that lives too long, is of another issuer or says more than ours is not signed") {
  Tokens tokens;
  auto claims = SampleClaims();
  claims.expires_at = claims.issued_at + 901;
  tokens.claims = TokenClaimsJson(kIssuer, claims);
  CHECK(tokens.Check() == "claims to sign: the lifetime is out of bounds");
  tokens.claims = TokenClaimsJson("https://elsewhere.example", SampleClaims());
  CHECK(tokens.Check() == "claims to sign: iss is not this issuer");
  tokens.claims = TokenClaimsJson(kIssuer, SampleClaims());
  CHECK(tokens.Replace(tokens.claims, "{", R"({"admin":true,)").Check() == "claims to sign are not ours");
  tokens.claims = TokenClaimsJson(kIssuer, SampleClaims());
  CHECK(tokens.Replace(tokens.claims, "{", "{ ").Check() == "claims to sign are not ours");
}

TEST_CASE("A token not before long ago is not signed") {
  Tokens tokens;
  const std::string nbf = R"("nbf":)" + std::to_string(kIssuedAt);
  CHECK(tokens.Replace(tokens.claims, nbf, R"("nbf":0)").Check() == "claims to sign are not ours");
}

TEST_CASE("A header of another key, algorithm or form is not signed") {
  const char* refused = "the header of a token to sign is not ours";
  Tokens tokens;
  for (const auto& [from, to] : {std::pair{"-v1", "-v2"},
                                 {"EdDSA", "none"},
                                 {"EdDSA", "ES256"},
                                 {"{", "{ "},
                                 {"\"typ\":\"JWT\"", "\"typ\":\"at+jwt\""}}) {
    CAPTURE(to);
    Tokens other;
    CHECK(other.Replace(other.header, from, to).Check() == refused);
  }
}

TEST_CASE("What is no token is not signed") {
  const Tokens tokens;
  for (const char* text : {"", ".", "..", "abc", "a.b", "claviger/audit-checkpoint/1"}) {
    CAPTURE(text);
    CHECK(tokens.Refusal(text) != "");
  }
  CHECK(tokens.Refusal(std::string(kMaxTokenBytes, 'A') + ".A") == "no token to sign");
}

TEST_CASE("A checkpoint is read as it was written") {
  const auto written = Checkpoint();
  const auto read = CheckCheckpointToSign(CheckpointBytes(written), written.kid, AfterIssue(0)).value();
  CHECK(CheckpointBytes(read) == CheckpointBytes(written));
  CHECK(read.number == 7);
  CHECK(read.previous == written.previous);
  CHECK(Refusal(CheckpointBytes(written), AfterIssue(60)) == "");
}

TEST_CASE("A checkpoint of another time or key is not signed") {
  const Bytes bytes = CheckpointBytes(Checkpoint());
  CHECK(Refusal(bytes, AfterIssue(61)) == "a checkpoint to sign is made at another time");
  CHECK(Refusal(bytes, AfterIssue(-61)) == "a checkpoint to sign is made at another time");
  CHECK(Refusal(bytes, AfterIssue(0), "claviger-audit-v1") == "a checkpoint to sign names another key");
  auto token_key = Checkpoint();
  token_key.kid = "claviger-token-v1";
  CHECK(Refusal(CheckpointBytes(token_key), AfterIssue(0), token_key.kid) != "");
  auto none = Checkpoint();
  none.number = 0;
  CHECK(Refusal(CheckpointBytes(none)) != "");
}

TEST_CASE("A checkpoint cut off, with more behind it or of another format is not signed") {
  Bytes bytes = CheckpointBytes(Checkpoint());
  for (size_t size = 0; size < bytes.size(); ++size) CHECK(Refusal(ByteView(bytes).first(size)) != "");
  bytes.push_back(0);
  CHECK(Refusal(bytes) == "no checkpoint to sign");
  CHECK(Refusal(CanonicalWriter("claviger/audit-checkpoint/2").Take()) == "no checkpoint to sign");
  CHECK(Refusal(AsBytes("eyJhbGciOiJFZERTQSJ9.e30")) == "no checkpoint to sign");
}

TEST_CASE("A reader of fields fails for good") {
  const Bytes bytes = CanonicalWriter("t").Field("abc").Field(uint64_t{5}).Take();
  CanonicalReader good(bytes, "t");
  CHECK(AsText(good.Field()) == "abc");
  CHECK(!good.Complete());
  CHECK(good.Number() == 5);
  CHECK(good.Complete());
  CHECK(good.Field().empty());
  CHECK(!good.Complete());
  CanonicalReader other(bytes, "u");
  CHECK(other.Field().empty());
  CHECK(!other.Complete());
  CanonicalReader mistyped(bytes, "t");
  CHECK(mistyped.Number() == 0);
  CHECK(mistyped.Field().empty());
}
