#include "tests/fakes/fake_keyring.h"

#include <thread>

#include "tests/unit/crypto/samples.h"
#include "tests/unit/crypto/vectors.h"

using namespace claviger;
using namespace claviger::crypto;
using namespace claviger::test;

TEST_CASE("The fake keyring makes keys of the real sizes and ids") {
  fakes::FakeKeyring keyring;
  const WrappedKek kek = keyring.GenerateKek(kKek).value();
  CHECK(kek.identity == kKek);
  CHECK(kek.blob.size() == 40);
  CHECK(kek.check.size() == 44);
  const auto dek = keyring.GenerateDek(kek, AsBytes("aad")).value();
  CHECK(dek.dek.key.size() == 32);
  CHECK(dek.sealed.bytes.size() == 60);
  CHECK(keyring.OpenDek(kek, dek.sealed, AsBytes("aad")).value().key == dek.dek.key);
  CHECK(keyring.OpenDek(kek, dek.sealed, AsBytes("aae")).error().kind == ErrorKind::kIntegrity);
  CHECK(keyring.PublicKeys(SigningKey::kToken).value().front().kid == "claviger-token-v1");
  CHECK(keyring.PublicKeys(SigningKey::kAudit).value().front().kid == "claviger-audit-v1");
}

TEST_CASE("Fake keyrings of one seed open each other's keys, of another seed they do not") {
  fakes::FakeKeyring first(5), twin(5), stranger(6);
  const WrappedKek kek = first.GenerateKek(kKek).value();
  const auto dek = first.GenerateDek(kek, {}).value();
  CHECK(twin.OpenDek(kek, dek.sealed, {}).value().key == dek.dek.key);
  CHECK(stranger.OpenDek(kek, dek.sealed, {}).error().kind == ErrorKind::kIntegrity);
  CHECK(first.Mac(AsBytes("m")).value() == twin.Mac(AsBytes("m")).value());
  CHECK(first.Mac(AsBytes("m")).value() != stranger.Mac(AsBytes("m")).value());
  CHECK(first.Mac(AsBytes("m")).value().bytes.size() == 32);
}

TEST_CASE("A KEK of an unknown root or of a wrong size is refused") {
  fakes::FakeKeyring keyring;
  WrappedKek kek = keyring.GenerateKek(kKek).value();
  kek.root_version = 2;
  CHECK(keyring.GenerateDek(kek, {}).error().kind == ErrorKind::kIntegrity);
  kek.root_version = 1;
  kek.blob.pop_back();
  CHECK(keyring.GenerateDek(kek, {}).error().kind == ErrorKind::kIntegrity);
  kek.blob.clear();
  CHECK(keyring.GenerateDek(kek, {}).error().kind == ErrorKind::kIntegrity);
}

TEST_CASE("Signatures of both roles verify under the published key only") {
  for (const auto algorithm : {SignatureAlgorithm::kEdDsa, SignatureAlgorithm::kEs256}) {
    fakes::FakeKeyring keyring(1, algorithm);
    const auto signature = keyring.Sign(SigningKey::kToken, AsBytes("m")).value();
    const auto token_key = keyring.PublicKeys(SigningKey::kToken).value().front();
    CHECK(signature.kid == token_key.kid);
    CHECK(signature.bytes.size() == 64);
    CHECK(VerifySignature(token_key, AsBytes("m"), signature.bytes));
    CHECK_FALSE(VerifySignature(keyring.PublicKeys(SigningKey::kAudit).value().front(), AsBytes("m"),
                                signature.bytes));
    CHECK_FALSE(keyring.Sign(SigningKey::kToken, Bytes(64 * 1024 + 1)));
  }
}

TEST_CASE("A rotated key signs while the older one stays published behind it") {
  fakes::FakeKeyring keyring;
  keyring.RotateSigningKey(SigningKey::kToken);
  const auto keys = keyring.PublicKeys(SigningKey::kToken).value();
  REQUIRE(keys.size() == 2);
  CHECK(keys[0].kid == "claviger-token-v2");
  CHECK(keys[1].kid == "claviger-token-v1");
  CHECK(keyring.Sign(SigningKey::kToken, {}).value().kid == "claviger-token-v2");
  CHECK(keyring.PublicKeys(SigningKey::kAudit).value().size() == 1);
}

TEST_CASE("A keyring switched off answers unavailable on every verb until switched on") {
  fakes::FakeKeyring keyring;
  const WrappedKek kek = keyring.GenerateKek(kKek).value();
  const auto dek = keyring.GenerateDek(kek, {}).value();
  CHECK(keyring.Health().state == KeyringHealth::State::kOk);
  keyring.SetUnavailable(true);
  CHECK(keyring.GenerateKek(kKek).error().kind == ErrorKind::kUnavailable);
  CHECK(keyring.GenerateDek(kek, {}).error().kind == ErrorKind::kUnavailable);
  CHECK(keyring.OpenDek(kek, dek.sealed, {}).error().kind == ErrorKind::kUnavailable);
  CHECK(keyring.ResealDek({kek, dek.sealed, {}, kek, {}}).error().kind == ErrorKind::kUnavailable);
  CHECK(keyring.Sign(SigningKey::kToken, {}).error().kind == ErrorKind::kUnavailable);
  CHECK(keyring.PublicKeys(SigningKey::kToken).error().kind == ErrorKind::kUnavailable);
  CHECK(keyring.Mac({}).error().kind == ErrorKind::kUnavailable);
  CHECK(keyring.Health().state == KeyringHealth::State::kUnavailable);
  keyring.SetUnavailable(false);
  CHECK(keyring.OpenDek(kek, dek.sealed, {}));
}

TEST_CASE("Forgotten vaults are counted") {
  fakes::FakeKeyring keyring;
  CHECK(keyring.Forgotten(kVault) == 0);
  keyring.ForgetKeks(kVault);
  CHECK(keyring.Forgotten(kVault) == 1);
  CHECK(keyring.Forgotten(kOtherVault) == 0);
}

TEST_CASE("The fake keyring serves many threads") {
  fakes::FakeKeyring keyring;
  const WrappedKek kek = keyring.GenerateKek(kKek).value();
  std::vector<std::thread> threads;
  std::atomic<int> opened = 0;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 50; ++j) {
        const auto dek = keyring.GenerateDek(kek, {});
        if (dek && keyring.OpenDek(kek, dek.value().sealed, {})) ++opened;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(opened == 200);
}
