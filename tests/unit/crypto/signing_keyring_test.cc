#include "crypto/provider/signing_keyring.h"

#include <doctest/doctest.h>

#include "crypto/handshake_rules.h"
#include "crypto/jws.h"
#include "crypto/provider/keyring_keys.h"
#include "tests/fakes/fake_keyring.h"
#include "tests/unit/crypto/samples.h"

using namespace claviger;
using namespace claviger::crypto;
using namespace claviger::crypto::provider;
using namespace claviger::test;

namespace {

// "pkcs11:object=NAME", and a token with it if there is a second one.
Result<KeyUri> ParseUri(std::string_view uri) {
  constexpr std::string_view kScheme = "pkcs11:object=";
  if (!uri.starts_with(kScheme)) return Invalid("no URI");
  std::string_view rest = uri.substr(kScheme.size());
  KeyUri read;
  if (const size_t at = rest.find(";token="); at != std::string_view::npos) {
    read.token = rest.substr(at + 7);
    rest = rest.substr(0, at);
  }
  if (const size_t at = rest.find(";id="); at != std::string_view::npos) {
    read.id = rest.substr(at + 4);
    rest = rest.substr(0, at);
  }
  read.object = rest;
  return read;
}

struct Fixture {
  explicit Fixture(SignatureAlgorithm algorithm = SignatureAlgorithm::kEdDsa) : fake(1, algorithm) {}
  fakes::FakeKeyring fake;
  KeyringKeys keys{fake, ParseUri};
  std::unique_ptr<Library> library = Library::Create(keys).value();
  SigningKeyring keyring{fake, *library};

  std::vector<std::string> Names(std::string_view uri) {
    std::vector<std::string> names;
    const auto found = keys.Find(uri).value();
    for (const auto& key : found) names.push_back(key->published().kid);
    return names;
  }
  bool Verifies(const std::string& token) {
    return TokenVerifier(kIssuer, fake.PublicKeys(SigningKey::kToken).value())
        .Verify(token, AfterIssue(0))
        .has_value();
  }
};
using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("Tokens are signed through OpenSSL by the key that signs now") {
  for (const auto algorithm : {SignatureAlgorithm::kEdDsa, SignatureAlgorithm::kEs256}) {
    Fixture f(algorithm);
    for (int version = 1; version <= 12; ++version) {
      const std::string token = SignToken(f.keyring, kIssuer, SampleClaims()).value();
      CHECK(f.Verifies(token));
      f.fake.RotateSigningKey(SigningKey::kToken);
    }
  }
}

TEST_CASE("A key that is exchanged between look and signature costs another try") {
  Fixture f;
  CHECK(f.Verifies(SignToken(f.keyring, kIssuer, SampleClaims()).value()));
  f.fake.RotateBeforeNextSign();
  const auto signature = f.keyring.Sign(SigningKey::kToken, AsBytes("m")).value();
  CHECK(signature.kid == "claviger-token-v2");
  CHECK(
      VerifySignature(f.fake.PublicKeys(SigningKey::kToken).value().front(), AsBytes("m"), signature.bytes));
  f.fake.RotateBeforeNextSign();
  CHECK(f.Verifies(SignToken(f.keyring, kIssuer, SampleClaims()).value()));
}

TEST_CASE("Nobody has to look at the keys before") {
  Fixture f;
  CHECK(f.keyring.Sign(SigningKey::kToken, AsBytes("m")).value().kid == "claviger-token-v1");
}

TEST_CASE("A keyring that is away says so, and comes back") {
  Fixture f;
  for (int round = 0; round < 2; ++round) {
    f.fake.SetUnavailable(true);
    CHECK(SignToken(f.keyring, kIssuer, SampleClaims()).error().kind == ErrorKind::kUnavailable);
    CHECK(f.keyring.Sign(SigningKey::kToken, AsBytes("m")).error().kind == ErrorKind::kUnavailable);
    f.fake.SetUnavailable(false);
    CHECK(SignToken(f.keyring, kIssuer, SampleClaims()));
  }
}

TEST_CASE("A label names one version, that of a role all of them") {
  Fixture f;
  f.fake.RotateSigningKey(SigningKey::kTls);
  CHECK(f.Names("pkcs11:object=claviger-tls") == Names{"claviger-tls-v2", "claviger-tls-v1"});
  CHECK(f.Names("pkcs11:object=claviger-tls-v1") == Names{"claviger-tls-v1"});
  CHECK(f.Names("pkcs11:object=claviger-tls;id=claviger-tls-v1") == Names{"claviger-tls-v1"});
  CHECK(f.Names("pkcs11:object=claviger-tls;token=fake").size() == 2);
  CHECK(f.Names("pkcs11:object=claviger-token") == Names{"claviger-token-v1"});
  for (const char* uri : {"pkcs11:object=claviger-tls-v3", "pkcs11:object=claviger-tls-v",
                          "pkcs11:object=claviger-tls;token=other",
                          "pkcs11:object=claviger-tls;id=claviger-tls-v3", "pkcs11:object=claviger-audit-v1",
                          "pkcs11:object=", "pkcs11:object=claviger-root-v1", "pkcs11:object=claviger"}) {
    CAPTURE(std::string(uri));
    CHECK(f.keys.Find(uri).error().kind == ErrorKind::kNotFound);
  }
  CHECK(f.keys.Find("nonsense").error().kind == ErrorKind::kInvalid);
}

TEST_CASE("A key that was made since is found") {
  Fixture f;
  f.fake.RotateBeforeNextRefresh(SigningKey::kTls);
  CHECK(f.Names("pkcs11:object=claviger-tls").size() == 2);
}

TEST_CASE("The TLS key signs handshakes only, and the token key none") {
  Fixture f;
  const PKey tls = std::move(f.library->Open("pkcs11:object=claviger-tls").value().front());
  const PKey token = std::move(f.library->Open("pkcs11:object=claviger-token").value().front());
  CHECK(SignMessage(*f.library, tls.get(), TrialHandshake()));
  CHECK(SignMessage(*f.library, tls.get(), AsBytes("m")).error().cause == "no handshake to sign");
  CHECK(SignMessage(*f.library, token.get(), AsBytes("m")));
  CHECK(SignMessage(*f.library, token.get(), TrialHandshake()).error().cause ==
        "the token key is not for TLS");
}
