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

namespace {

// Some secrets of two vaults, in no order.
struct Batch : Fixture {
  Batch() {
    for (uint32_t i = 0; i < 12; ++i) {
      SecretIdentity identity = kSecret;
      if (i % 3 == 0) identity.vault = kOtherVault;
      identity.secret.uuid.data[15] = static_cast<uint8_t>(i);
      identity.version = 20 - i;
      identities.push_back(identity);
      values.push_back(std::string(i * 100, 'a') + std::to_string(i));
    }
  }
  const WrappedKek& KekOf(size_t i) const { return identities[i].vault == kVault ? kek : other_kek; }
  std::vector<SecretToSeal> ToSeal() const {
    std::vector<SecretToSeal> secrets;
    for (size_t i = 0; i < values.size(); ++i) {
      secrets.push_back({KekOf(i), identities[i], AsBytes(values[i])});
    }
    return secrets;
  }
  std::vector<SealedSecret> SealEach() {
    std::vector<SealedSecret> sealed;
    for (const auto& [of, identity, value] : ToSeal()) {
      sealed.push_back(SealSecret(keyring, random, of, identity, value).value());
    }
    return sealed;
  }
  // Those that open, to which the batch must have given their own values, and the others nothing.
  std::vector<bool> Open(const std::vector<SealedSecret>& sealed) {
    std::vector<SecretToOpen> secrets;
    for (size_t i = 0; i < sealed.size(); ++i) secrets.push_back({KekOf(i), identities[i], sealed[i]});
    const auto opened = OpenSecrets(keyring, secrets);
    REQUIRE(opened.size() == sealed.size());
    std::vector<bool> open;
    for (size_t i = 0; i < opened.size(); ++i) {
      open.push_back(opened[i].has_value());
      if (opened[i]) CHECK(opened[i]->Text() == values[i]);
      CHECK(OpenSecret(keyring, KekOf(i), identities[i], sealed[i]).has_value() == opened[i].has_value());
    }
    return open;
  }
  std::vector<bool> AllBut(std::initializer_list<size_t> exceptions) const {
    std::vector<bool> all(values.size(), true);
    for (const size_t i : exceptions) all[i] = false;
    return all;
  }

  WrappedKek other_kek = keyring.GenerateKek({kOrg, kOtherVault, 3}).value();
  std::vector<SecretIdentity> identities;
  std::vector<std::string> values;
};

}  // namespace

TEST_CASE_FIXTURE(Batch, "Secrets that are sealed together open one by one, each to its own value") {
  const auto sealed = SealSecrets(keyring, random, ToSeal());
  REQUIRE(sealed.size() == values.size());
  for (size_t i = 0; i < sealed.size(); ++i) {
    REQUIRE(sealed[i]);
    CHECK(OpenSecret(keyring, KekOf(i), identities[i], *sealed[i]).value().Text() == values[i]);
    for (size_t other = 0; other < i; ++other) CHECK(sealed[i]->dek.bytes != sealed[other]->dek.bytes);
  }
}

TEST_CASE_FIXTURE(Batch, "Secrets that are opened together come in the order they were given") {
  CHECK(Open(SealEach()) == AllBut({}));
}

TEST_CASE_FIXTURE(Batch, "What is tampered with does not open among others, and harms none of them") {
  auto sealed = SealEach();
  FlipBit(sealed[1].dek.bytes, 100);
  FlipBit(sealed[4].ciphertext, 3);
  sealed[5].dek.bytes.clear();
  sealed[7].ciphertext.clear();
  std::swap(sealed[8], sealed[11]);          // of one vault
  std::swap(sealed[9].dek, sealed[10].dek);  // of two
  identities[2].secret.uuid.data[0] ^= 1;    // moved
  CHECK(Open(sealed) == AllBut({1, 2, 4, 5, 7, 8, 9, 10, 11}));
}

TEST_CASE_FIXTURE(Batch, "A damaged or foreign KEK keeps only its own secrets closed") {
  const auto sealed = SealEach();
  SUBCASE("damaged") { FlipBit(other_kek.blob, 7); }
  SUBCASE("with another's check record") { other_kek.check = kek.check; }
  SUBCASE("another's") { other_kek = kek; }
  SUBCASE("of another version") { other_kek = keyring.GenerateKek({kOrg, kOtherVault, 4}).value(); }
  CHECK(Open(sealed) == AllBut({0, 3, 6, 9}));
}

TEST_CASE_FIXTURE(Batch,
                  "What was sealed under the KEK of another vault does not open, though all else fits") {
  auto dek = keyring.GenerateDek(other_kek, DekAad(identities[1])).value();
  const SealedSecret misplaced{
      std::move(dek.sealed),
      AeadSeal(dek.dek.key.View(), random, SecretAad(identities[1]), AsBytes(values[1])).value()};
  const auto sound = SealEach();
  const auto opened =
      OpenSecrets(keyring, {{other_kek, identities[1], misplaced}, {kek, identities[2], sound[2]}});
  CHECK(!opened[0]);
  REQUIRE(opened[1]);
  CHECK(opened[1]->Text() == values[2]);
  CHECK(OpenSecret(keyring, other_kek, identities[1], misplaced).error().kind == ErrorKind::kIntegrity);
}

TEST_CASE_FIXTURE(Batch, "What cannot be sealed is left out, and harms nothing else") {
  identities[0].path.clear();
  identities[4].kek_version = 9;
  values[7] = std::string(16 * 1024 * 1024 + 1, 'x');
  identities[11].org = kOtherOrg;
  const auto sealed = SealSecrets(keyring, random, ToSeal());
  REQUIRE(sealed.size() == values.size());
  const auto expected = AllBut({0, 4, 7, 11});
  for (size_t i = 0; i < sealed.size(); ++i) {
    REQUIRE(sealed[i].has_value() == expected[i]);
    if (!sealed[i]) continue;
    CHECK(OpenSecret(keyring, KekOf(i), identities[i], *sealed[i]).value().Text() == values[i]);
  }
}

TEST_CASE_FIXTURE(Batch, "Without an HSM nothing is sealed or opened together") {
  const auto sealed = SealEach();
  keyring.SetUnavailable(true);
  for (const auto& answer : SealSecrets(keyring, random, ToSeal())) CHECK(!answer);
  CHECK(Open(sealed) == std::vector<bool>(values.size(), false));
}

TEST_CASE_FIXTURE(Batch, "Nothing is sealed or opened for nobody") {
  CHECK(SealSecrets(keyring, random, {}).empty());
  CHECK(OpenSecrets(keyring, {}).empty());
}

TEST_CASE_FIXTURE(Batch,
                  "A data key that moved to a newer key opens the same value, and only as what it now is") {
  const auto sealed = SealEach();
  const WrappedKek newer = keyring.GenerateKek({kOrg, kVault, 4}).value();
  std::vector<SecretToReseal> wanted;
  for (size_t i = 0; i < sealed.size(); ++i)
    wanted.push_back({KekOf(i), identities[i], sealed[i].dek, newer});
  const auto moved = ResealDeks(keyring, wanted);
  REQUIRE(moved.size() == sealed.size());
  for (size_t i = 0; i < moved.size(); ++i) {
    CAPTURE(i);
    const bool same_vault = identities[i].vault == kVault;
    REQUIRE(moved[i].has_value() == same_vault);
    if (!same_vault) {
      CHECK(ResealDek(keyring, wanted[i]).error().kind == ErrorKind::kInternal);
      continue;
    }
    const SealedSecret after{*moved[i], sealed[i].ciphertext};
    const SecretIdentity now = Resealed(identities[i], newer);
    CHECK(now.kek_version == 4);
    CHECK(OpenSecret(keyring, newer, now, after).value().Text() == values[i]);
    CHECK(after.dek.bytes != sealed[i].dek.bytes);
    SecretIdentity wrong = now;
    wrong.first_kek_version.reset();
    CHECK(OpenSecret(keyring, newer, wrong, after).error().kind == ErrorKind::kIntegrity);
    CHECK(OpenSecret(keyring, kek, identities[i], after).error().kind == ErrorKind::kIntegrity);
    CHECK(OpenSecret(keyring, newer, now, sealed[i]).error().kind == ErrorKind::kIntegrity);
  }
  // Once more: the value still names the first key.
  const WrappedKek newest = keyring.GenerateKek({kOrg, kVault, 5}).value();
  const SecretIdentity once = Resealed(identities[1], newer);
  const auto again = ResealDek(keyring, {newer, once, *moved[1], newest}).value();
  CHECK(OpenSecret(keyring, newest, Resealed(once, newest), {again, sealed[1].ciphertext}).value().Text() ==
        values[1]);
}

TEST_CASE_FIXTURE(Batch, "What does not open does not move, and keeps none of the others") {
  auto sealed = SealEach();
  const WrappedKek newer = keyring.GenerateKek({kOrg, kVault, 4}).value();
  FlipBit(sealed[1].dek.bytes, 100);
  identities[2].path += "/moved";
  const WrappedKek foreign = keyring.GenerateKek({kOrg, kVault, 2}).value();
  const auto moved = ResealDeks(keyring, {{kek, identities[1], sealed[1].dek, newer},
                                          {kek, identities[2], sealed[2].dek, newer},
                                          {foreign, identities[4], sealed[4].dek, newer},
                                          {kek, identities[5], sealed[5].dek, newer}});
  CHECK(!moved[0]);
  CHECK(!moved[1]);
  CHECK(!moved[2]);
  CHECK(moved[3]);
  CHECK(ResealDek(keyring, {kek, identities[1], sealed[1].dek, newer}).error().kind == ErrorKind::kIntegrity);
  CHECK(ResealDek(keyring, {foreign, identities[4], sealed[4].dek, newer}).error().kind ==
        ErrorKind::kIntegrity);
  keyring.SetUnavailable(true);
  CHECK(ResealDek(keyring, {kek, identities[5], sealed[5].dek, newer}).error().kind ==
        ErrorKind::kUnavailable);
}
