#include <functional>

#include "tests/fakes/fake_keyring.h"
#include "tests/unit/crypto/samples.h"
#include "tests/unit/crypto/vectors.h"

using namespace claviger;
using namespace claviger::crypto;
using namespace claviger::test;

namespace {

struct Fixture {
  fakes::FakeKeyring keyring;
  fakes::FakeRandom random{2};
  WrappedKek kek = keyring.GenerateKek(kKek).value();

  SealedSecret Seal(std::string_view value) {
    return SealSecret(keyring, random, kek, kSecret, AsBytes(value)).value();
  }
};

void FlipBit(Bytes& bytes, size_t bit) { bytes[bit / 8] ^= static_cast<uint8_t>(1U << (bit % 8)); }

}  // namespace

TEST_CASE("The envelope's AADs and bytes are the documented ones") {
  CHECK(SecretAad(kSecret) == KnownAnswer("secret_aad"));
  CHECK(DekAad(kSecret) == KnownAnswer("dek_aad"));
  CHECK(KekAad(kKek) == KnownAnswer("kek_aad"));
  Fixture f;
  CHECK(f.kek.blob == KnownAnswer("kek_blob"));
  CHECK(f.kek.check == KnownAnswer("kek_check"));
  const SealedSecret sealed = f.Seal("correct horse");
  CHECK(sealed.dek.bytes == KnownAnswer("sealed_dek"));
  CHECK(sealed.ciphertext == KnownAnswer("ciphertext"));
}

TEST_CASE("A sealed secret opens to its value, empty and large ones too") {
  Fixture f;
  for (const std::string& value : {std::string(), std::string("correct horse"), std::string(5 << 20, 'x')}) {
    const SealedSecret sealed = f.Seal(value);
    CHECK(OpenSecret(f.keyring, f.kek, kSecret, sealed).value().Text() == value);
  }
}

TEST_CASE("A secret sealed under any other identity does not open") {
  Fixture f;
  const SealedSecret sealed = f.Seal("correct horse");
  const std::function<void(SecretIdentity&)> moves[] = {
      [](SecretIdentity& id) { id.org = kOtherOrg; },
      [](SecretIdentity& id) { id.vault = kOtherVault; },
      [](SecretIdentity& id) { id.secret.uuid.data[15] ^= 1; },
      [](SecretIdentity& id) { id.path = "db/main/passwore"; },
      [](SecretIdentity& id) { id.path += "/old"; },
      [](SecretIdentity& id) { id.path.clear(); },
      [](SecretIdentity& id) { id.version = 1; },
      [](SecretIdentity& id) { id.kek_version = 4; },
  };
  for (const auto& move : moves) {
    SecretIdentity elsewhere = kSecret;
    move(elsewhere);
    CHECK(OpenSecret(f.keyring, f.kek, elsewhere, sealed).error().kind == ErrorKind::kIntegrity);
    // Not even with a KEK of that very identity, nor with our KEK relabelled.
    const KekIdentity there{elsewhere.org, elsewhere.vault, elsewhere.kek_version};
    const WrappedKek other = f.keyring.GenerateKek(there).value();
    CHECK(OpenSecret(f.keyring, other, elsewhere, sealed).error().kind == ErrorKind::kIntegrity);
    WrappedKek relabelled = f.kek;
    relabelled.identity = there;
    CHECK(OpenSecret(f.keyring, relabelled, elsewhere, sealed).error().kind == ErrorKind::kIntegrity);
  }
}

TEST_CASE("A sealed secret with any bit flipped does not open") {
  Fixture f;
  const SealedSecret sealed = f.Seal("correct horse");
  for (size_t bit = 0; bit < sealed.dek.bytes.size() * 8; ++bit) {
    SealedSecret edited = sealed;
    FlipBit(edited.dek.bytes, bit);
    CHECK(OpenSecret(f.keyring, f.kek, kSecret, edited).error().kind == ErrorKind::kIntegrity);
  }
  for (size_t bit = 0; bit < sealed.ciphertext.size() * 8; ++bit) {
    SealedSecret edited = sealed;
    FlipBit(edited.ciphertext, bit);
    CHECK(OpenSecret(f.keyring, f.kek, kSecret, edited).error().kind == ErrorKind::kIntegrity);
  }
}

TEST_CASE("A wrapped KEK or check record with any bit flipped is refused") {
  Fixture f;
  const SealedSecret sealed = f.Seal("correct horse");
  for (size_t bit = 0; bit < f.kek.blob.size() * 8; ++bit) {
    WrappedKek edited = f.kek;
    FlipBit(edited.blob, bit);
    CHECK(OpenSecret(f.keyring, edited, kSecret, sealed).error().kind == ErrorKind::kIntegrity);
  }
  for (size_t bit = 0; bit < f.kek.check.size() * 8; ++bit) {
    WrappedKek edited = f.kek;
    FlipBit(edited.check, bit);
    CHECK(OpenSecret(f.keyring, edited, kSecret, sealed).error().kind == ErrorKind::kIntegrity);
  }
}

TEST_CASE("The data key of one version does not open another, and a value cannot pass for a data key") {
  Fixture f;
  const SealedSecret first = f.Seal("first");
  const SealedSecret second = f.Seal("second");
  CHECK(OpenSecret(f.keyring, f.kek, kSecret, {second.dek, first.ciphertext}).error().kind ==
        ErrorKind::kIntegrity);
  // 32 bytes of value make a ciphertext of a sealed DEK's size.
  const SealedSecret key_sized = f.Seal(std::string(32, 'k'));
  CHECK(key_sized.ciphertext.size() == key_sized.dek.bytes.size());
  CHECK(OpenSecret(f.keyring, f.kek, kSecret, {{key_sized.ciphertext}, key_sized.dek.bytes}).error().kind ==
        ErrorKind::kIntegrity);
}

TEST_CASE("Two seals of the same value share no bytes of key or ciphertext") {
  Fixture f;
  const SealedSecret first = f.Seal("same"), second = f.Seal("same");
  CHECK(first.dek.bytes != second.dek.bytes);
  CHECK(first.ciphertext != second.ciphertext);
}

TEST_CASE("A value of more than 16 MiB is refused as too large") {
  Fixture f;
  const Bytes value(16 * 1024 * 1024 + 1);
  CHECK(SealSecret(f.keyring, f.random, f.kek, kSecret, value).error().kind == ErrorKind::kTooLarge);
}

TEST_CASE("Sealing under the KEK of another vault is a fault, not a seal") {
  Fixture f;
  const WrappedKek other = f.keyring.GenerateKek({kOrg, kOtherVault, 3}).value();
  CHECK(SealSecret(f.keyring, f.random, other, kSecret, AsBytes("x")).error().kind == ErrorKind::kInternal);
}

TEST_CASE("Sealing without a path is a fault, not a seal") {
  Fixture f;
  SecretIdentity nowhere = kSecret;
  nowhere.path.clear();
  CHECK(SealSecret(f.keyring, f.random, f.kek, nowhere, AsBytes("x")).error().kind == ErrorKind::kInternal);
}

TEST_CASE("An HSM that is gone is reported as unavailable, not as damage") {
  Fixture f;
  const SealedSecret sealed = f.Seal("correct horse");
  f.keyring.SetUnavailable(true);
  CHECK(OpenSecret(f.keyring, f.kek, kSecret, sealed).error().kind == ErrorKind::kUnavailable);
  CHECK(SealSecret(f.keyring, f.random, f.kek, kSecret, {}).error().kind == ErrorKind::kUnavailable);
  f.keyring.SetUnavailable(false);
  CHECK(OpenSecret(f.keyring, f.kek, kSecret, sealed).value().Text() == "correct horse");
}
