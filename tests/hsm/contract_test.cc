// What crypto/keyring.h promises, on a real PKCS#11 module.

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <set>
#include <thread>
#include <vector>

#include "crypto/handshake_rules.h"
#include "crypto/jws.h"
#include "hsm/key_set.h"
#include "hsm/on_token.h"
#include "tests/hsm/backend.h"

using namespace claviger;
using namespace claviger::hsm;
using namespace claviger::hsm::tests;
using crypto::SigningKey;

namespace {

struct Fixture {
  Kit kit;
  HsmConfig config = FreshToken();
  std::unique_ptr<crypto::Keyring> keyring;

  // What is asked here is what comes, not how soon, however slow the machine.
  Fixture() {
    config.operation_timeout = config.acquire_timeout = std::chrono::seconds(60);
    kit.Initialize(config);
    keyring = kit.Open(config);
  }
  crypto::KekIdentity NewIdentity(uint32_t version = 1) {
    return {OrgId{NewUuidV7(kit.clock, kit.random)}, VaultId{NewUuidV7(kit.clock, kit.random)}, version};
  }
  crypto::WrappedKek NewKek() { return keyring->GenerateKek(NewIdentity()).value(); }
};

const ByteView kAad = AsBytes("what the row claims to be");

template <class T>
void CheckFails(const Result<T>& result, ErrorKind kind) {
  REQUIRE_FALSE(result);
  CHECK_MESSAGE(result.error().kind == kind, result.error().cause);
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "A data key opens again with the same AAD, and only with it") {
  const auto kek = NewKek();
  const auto made = keyring->GenerateDek(kek, kAad);
  REQUIRE(made);
  CHECK(made.value().dek.key.size() == 32);
  CHECK(made.value().sealed.bytes.size() == 60);

  const auto opened = keyring->OpenDek(kek, made.value().sealed, kAad);
  REQUIRE(opened);
  CHECK(opened.value().key == made.value().dek.key);
  CheckFails(keyring->OpenDek(kek, made.value().sealed, AsBytes("another row")), ErrorKind::kIntegrity);
  CheckFails(keyring->OpenDek(kek, made.value().sealed, {}), ErrorKind::kIntegrity);
  CHECK(keyring->OpenDek(kek, made.value().sealed, kAad));
}

TEST_CASE_FIXTURE(Fixture, "A data key that comes from elsewhere is sealed for its row alone") {
  const auto kek = NewKek();
  const auto dek = keyring->GenerateDek(NewKek(), kAad).value().dek;
  const auto sealed = keyring->SealDek(kek, dek, kAad).value();
  CHECK(sealed.bytes.size() == 60);
  CHECK(keyring->OpenDek(kek, sealed, kAad).value().key == dek.key);
  CheckFails(keyring->OpenDek(kek, sealed, {}), ErrorKind::kIntegrity);
  CheckFails(keyring->OpenDek(NewKek(), sealed, kAad), ErrorKind::kIntegrity);
  CHECK(keyring->SealDek(kek, dek, kAad).value().bytes != sealed.bytes);  // by another IV
  CheckFails(keyring->SealDek(kek, {SecretBytes(31)}, kAad), ErrorKind::kInternal);
}

TEST_CASE_FIXTURE(Fixture, "Every byte of a sealed data key is protected") {
  const auto kek = NewKek();
  const auto sealed = keyring->GenerateDek(kek, kAad).value().sealed;
  for (size_t i = 0; i < sealed.bytes.size(); ++i) {
    auto edited = sealed;
    edited.bytes[i] ^= 0x01;
    CheckFails(keyring->OpenDek(kek, edited, kAad), ErrorKind::kIntegrity);
  }
  auto shorter = sealed;
  shorter.bytes.pop_back();
  CheckFails(keyring->OpenDek(kek, shorter, kAad), ErrorKind::kIntegrity);
  auto longer = sealed;
  longer.bytes.push_back(0);
  CheckFails(keyring->OpenDek(kek, longer, kAad), ErrorKind::kIntegrity);
  CheckFails(keyring->OpenDek(kek, {}, kAad), ErrorKind::kIntegrity);
  CHECK(keyring->Health().state == crypto::KeyringHealth::State::kOk);
}

TEST_CASE_FIXTURE(Fixture, "Data keys and IVs never repeat") {
  const auto kek = NewKek();
  std::set<Bytes> keys;
  std::set<Bytes> ivs;
  for (int i = 0; i < 200; ++i) {
    const auto made = keyring->GenerateDek(kek, kAad).value();
    keys.emplace(made.dek.key.View().begin(), made.dek.key.View().end());
    ivs.emplace(made.sealed.bytes.begin(), made.sealed.bytes.begin() + 12);
  }
  CHECK(keys.size() == 200);
  CHECK(ivs.size() == 200);
}

TEST_CASE_FIXTURE(Fixture, "A wrapped KEK has the documented shape and outlives the keyring") {
  const auto identity = NewIdentity(7);
  const auto kek = keyring->GenerateKek(identity).value();
  CHECK(kek.identity == identity);
  CHECK(kek.root_version == 1);
  CHECK(kek.blob.size() == 40);
  CHECK(kek.check.size() == 44);
  const auto made = keyring->GenerateDek(kek, kAad).value();

  keyring.reset();
  keyring = kit.Open(config);
  CHECK(keyring->Health().cached_keks == 0);
  const auto opened = keyring->OpenDek(kek, made.sealed, kAad);
  REQUIRE(opened);
  CHECK(opened.value().key == made.dek.key);
  CHECK(keyring->Health().cached_keks == 1);
}

TEST_CASE_FIXTURE(Fixture, "A KEK row that was edited or moved never opens, cached or not") {
  const auto kek = NewKek();
  const auto other = NewKek();
  const auto sealed = keyring->GenerateDek(kek, kAad).value().sealed;
  std::vector<crypto::WrappedKek> forgeries;
  const auto forge = [&](auto&& edit) {
    forgeries.push_back(kek);
    edit(forgeries.back());
  };
  for (size_t i = 0; i < kek.blob.size(); i += 3) forge([&](auto& row) { row.blob[i] ^= 0x80; });
  for (size_t i = 0; i < kek.check.size(); i += 3) forge([&](auto& row) { row.check[i] ^= 0x80; });
  forge([&](auto& row) { row.blob = other.blob; });
  forge([&](auto& row) { row.check = other.check; });
  forge([&](auto& row) { row.identity.org = other.identity.org; });
  forge([&](auto& row) { row.identity.vault = other.identity.vault; });
  forge([&](auto& row) { row.identity.version = 2; });
  forge([&](auto& row) { row.root_version = 2; });
  forge([&](auto& row) { row.blob.clear(); });
  forge([&](auto& row) { row.blob.resize(48); });
  forge([&](auto& row) { row.check.clear(); });
  forge([&](auto& row) { row.check.pop_back(); });

  for (const bool cached : {true, false}) {
    CAPTURE(cached);
    if (!cached) keyring->ForgetKeks(kek.identity.vault);
    for (const auto& forgery : forgeries) {
      CheckFails(keyring->OpenDek(forgery, sealed, kAad), ErrorKind::kIntegrity);
      CheckFails(keyring->GenerateDek(forgery, kAad), ErrorKind::kIntegrity);
    }
  }
  CHECK(keyring->OpenDek(kek, sealed, kAad));
  // A whole foreign row is honest in itself, but its key opens nothing here.
  CheckFails(keyring->OpenDek(other, sealed, kAad), ErrorKind::kIntegrity);
}

TEST_CASE_FIXTURE(Fixture, "Forgetting a vault drops all versions of its KEK and nothing else") {
  const auto first = NewKek();
  auto identity = first.identity;
  identity.version = 2;
  const auto second = keyring->GenerateKek(identity).value();
  const auto other = NewKek();
  CHECK(keyring->Health().cached_keks == 3);
  keyring->ForgetKeks(first.identity.vault);
  CHECK(keyring->Health().cached_keks == 1);
  keyring->ForgetKeks(NewIdentity().vault);
  CHECK(keyring->Health().cached_keks == 1);
  CHECK(keyring->GenerateDek(second, kAad));
}

TEST_CASE("No more KEKs stay loaded than configured, and evicted ones load again") {
  Kit kit;
  HsmConfig config = FreshToken();
  config.max_cached_keks = 4;
  kit.Initialize(config);
  const auto keyring = kit.Open(config);
  std::vector<crypto::WrappedKek> keks;
  std::vector<crypto::SealedDek> sealed;
  for (int i = 0; i < 10; ++i) {
    const crypto::KekIdentity identity{OrgId{NewUuidV7(kit.clock, kit.random)},
                                       VaultId{NewUuidV7(kit.clock, kit.random)}, 1};
    keks.push_back(keyring->GenerateKek(identity).value());
    sealed.push_back(keyring->GenerateDek(keks.back(), kAad).value().sealed);
    CHECK(keyring->Health().cached_keks <= 4);
  }
  for (size_t i = 0; i < keks.size(); ++i) CHECK(keyring->OpenDek(keks[i], sealed[i], kAad));
  CHECK(keyring->Health().cached_keks == 4);
}

TEST_CASE_FIXTURE(Fixture,
                  "Signatures verify in software under the published key, and each role has its own") {
  for (const SigningKey which : {SigningKey::kToken, SigningKey::kAudit}) {
    const auto published = keyring->PublicKeys(which).value();
    REQUIRE(published.size() == 1);
    CHECK(published[0].kid == (which == SigningKey::kToken ? "claviger-token-v1" : "claviger-audit-v1"));
    const std::string messages[] = {"", "header.payload", std::string(65536, 'x')};
    for (const std::string& message : messages) {
      const auto signature = keyring->Sign(which, AsBytes(message));
      REQUIRE(signature);
      CHECK(signature.value().kid == published[0].kid);
      CHECK(signature.value().bytes.size() == 64);
      CHECK(crypto::VerifySignature(published[0], AsBytes(message), signature.value().bytes));
      CHECK_FALSE(crypto::VerifySignature(published[0], AsBytes(message + "!"), signature.value().bytes));
    }
  }
  CHECK(keyring->PublicKeys(SigningKey::kToken).value()[0].raw !=
        keyring->PublicKeys(SigningKey::kAudit).value()[0].raw);
}

TEST_CASE_FIXTURE(Fixture, "A message beyond 64 KiB is not signed") {
  CheckFails(keyring->Sign(SigningKey::kToken, Bytes(65537)), ErrorKind::kInternal);
}

TEST_CASE_FIXTURE(Fixture, "A MAC depends on the message and on the installation's key alone") {
  const auto mac = keyring->Mac(AsBytes("1ck_something")).value();
  CHECK(mac.version == 1);
  CHECK(mac.bytes.size() == 32);
  CHECK(keyring->Mac(AsBytes("1ck_something")).value() == mac);
  CHECK(keyring->Mac(AsBytes("1ck_somethinh")).value() != mac);
  CHECK(keyring->Mac({}).value() != mac);
  keyring.reset();
  keyring = kit.Open(config);
  CHECK(keyring->Mac(AsBytes("1ck_something")).value() == mac);
}

namespace {

// Data keys of several vaults, each for a row of its own, in no order.
// A visit of 50 ms leaves the rest of its series untried, be it only that the thread got no processor. Then
// the batch is tried again; what is missing after a shorter time failed.
template <class T, class Ask>
auto Patiently(const std::vector<T>& wanted, const Ask& ask) {
  for (int again = 0;; ++again) {
    const auto begun = std::chrono::steady_clock::now();
    auto answers = ask(wanted);
    const bool quick = std::chrono::steady_clock::now() - begun < std::chrono::milliseconds(50);
    const bool complete =
        std::all_of(answers.begin(), answers.end(), [](const auto& answer) { return answer.has_value(); });
    if (quick || complete || again == 20) return answers;
  }
}

struct Batch : Fixture {
  Batch() {
    for (int i = 0; i < 3; ++i) keks.push_back(NewKek());
    for (int i = 0; i < 50; ++i) rows.push_back("row " + std::to_string(i));
  }
  const crypto::WrappedKek& KekOf(size_t i) const { return keks[(i * i) % keks.size()]; }
  Bytes AadOf(size_t i) const { return {rows[i].begin(), rows[i].end()}; }
  std::vector<crypto::Keyring::NewDek> MakeAll() {
    std::vector<crypto::Keyring::DekToMake> wanted;
    for (size_t i = 0; i < rows.size(); ++i) wanted.push_back({KekOf(i), AadOf(i)});
    auto answers = Generate(wanted);
    REQUIRE(answers.size() == rows.size());
    std::vector<crypto::Keyring::NewDek> made;
    for (auto& answer : answers) {
      REQUIRE(answer);
      made.push_back(*std::move(answer));
    }
    return made;
  }
  std::vector<std::optional<crypto::Keyring::NewDek>> Generate(
      const std::vector<crypto::Keyring::DekToMake>& wanted) {
    return Patiently(wanted, [&](const auto& deks) { return keyring->GenerateDeks(deks); });
  }
  std::vector<std::optional<crypto::Dek>> Open(const std::vector<crypto::Keyring::DekToOpen>& wanted) {
    return Patiently(wanted, [&](const auto& deks) { return keyring->OpenDeks(deks); });
  }
  std::vector<crypto::Keyring::DekToOpen> ToOpen(const std::vector<crypto::Keyring::NewDek>& made) const {
    std::vector<crypto::Keyring::DekToOpen> wanted;
    for (size_t i = 0; i < made.size(); ++i) wanted.push_back({KekOf(i), made[i].sealed, AadOf(i)});
    return wanted;
  }

  std::vector<crypto::WrappedKek> keks;
  std::vector<std::string> rows;
};

}  // namespace

TEST_CASE_FIXTURE(Batch, "Data keys that are made together open one by one, each with its own AAD and KEK") {
  const auto made = MakeAll();
  std::set<Bytes> keys;
  std::set<Bytes> ivs;
  for (size_t i = 0; i < made.size(); ++i) {
    const auto opened = keyring->OpenDek(KekOf(i), made[i].sealed, AadOf(i));
    REQUIRE(opened);
    CHECK(opened.value().key == made[i].dek.key);
    keys.emplace(made[i].dek.key.View().begin(), made[i].dek.key.View().end());
    ivs.emplace(made[i].sealed.bytes.begin(), made[i].sealed.bytes.begin() + 12);
  }
  CHECK(keys.size() == made.size());
  CHECK(ivs.size() == made.size());
}

TEST_CASE_FIXTURE(Batch, "Data keys that are opened together come in the order they were given") {
  const auto made = MakeAll();
  // Often: the HSM is visited with more at a time once it has shown to be fast.
  for (int round = 0; round < 20; ++round) {
    const auto opened = Open(ToOpen(made));
    REQUIRE(opened.size() == made.size());
    for (size_t i = 0; i < made.size(); ++i) {
      REQUIRE(opened[i]);
      CHECK(opened[i]->key == made[i].dek.key);
    }
  }
}

TEST_CASE_FIXTURE(Batch, "What does not authenticate is left out of a batch, and nothing else") {
  const auto made = MakeAll();
  auto wrong = made[2].sealed;
  wrong.bytes[30] ^= 1;
  auto shorter = made[7].sealed;
  shorter.bytes.pop_back();
  const crypto::SealedDek none;
  auto damaged = KekOf(12);
  damaged.blob[5] ^= 1;
  auto relabelled = KekOf(13);
  relabelled.identity.version = 2;
  const auto foreign = NewKek();
  const std::vector<size_t> bad{0, 2, 7, 8, 12, 13, 14, made.size() - 1};
  for (int round = 0; round < 20; ++round) {
    std::vector<crypto::Keyring::DekToOpen> wanted;
    for (size_t i = 0; i < made.size(); ++i) {
      const auto& kek = i == 12 ? damaged : i == 13 ? relabelled : i == 14 ? foreign : KekOf(i);
      const auto& sealed = i == 2 ? wrong : i == 7 ? shorter : i == 8 ? none : made[i].sealed;
      const auto aad = i == 0 || i == made.size() - 1 ? AadOf(1) : AadOf(i);
      wanted.push_back({kek, sealed, aad});
    }
    const auto opened = Open(wanted);
    REQUIRE(opened.size() == made.size());
    for (size_t i = 0; i < made.size(); ++i) {
      CAPTURE(i);
      const bool expected = std::find(bad.begin(), bad.end(), i) == bad.end();
      REQUIRE(opened[i].has_value() == expected);
      if (expected) CHECK(opened[i]->key == made[i].dek.key);
    }
  }
  CHECK(keyring->Health().state == crypto::KeyringHealth::State::kOk);
}

TEST_CASE_FIXTURE(Batch, "A KEK that does not load makes no data keys, and the others of the batch do") {
  auto damaged = keks[1];
  damaged.check[40] ^= 1;
  std::vector<crypto::Keyring::DekToMake> wanted;
  for (size_t i = 0; i < rows.size(); ++i) wanted.push_back({i % 4 == 2 ? damaged : KekOf(i), AadOf(i)});
  const auto made = Generate(wanted);
  REQUIRE(made.size() == rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    REQUIRE(made[i].has_value() == (i % 4 != 2));
    if (made[i]) CHECK(keyring->OpenDek(KekOf(i), made[i]->sealed, AadOf(i)));
  }
}

TEST_CASE_FIXTURE(Batch, "A data key that moves to another KEK is the same one, and opens under that alone") {
  const auto made = MakeAll();
  const auto newest = NewKek();
  const Bytes to_aad{1, 2, 3};
  auto damaged = made[3].sealed;
  damaged.bytes[30] ^= 1;
  auto shorter = made[4].sealed;
  shorter.bytes.pop_back();
  auto unloadable = newest;
  unloadable.check[40] ^= 1;
  std::vector<crypto::Keyring::DekToReseal> wanted;
  for (size_t i = 0; i < made.size(); ++i) {
    const auto& sealed = i == 3 ? damaged : i == 4 ? shorter : made[i].sealed;
    wanted.push_back({KekOf(i), sealed, i == 5 ? AadOf(6) : AadOf(i), i == 7 ? unloadable : newest, to_aad});
  }
  const auto moved = Patiently(wanted, [&](const auto& deks) { return keyring->ResealDeks(deks); });
  REQUIRE(moved.size() == made.size());
  std::set<Bytes> ivs;
  for (size_t i = 0; i < made.size(); ++i) {
    CAPTURE(i);
    const bool sound = i != 3 && i != 4 && i != 5 && i != 7;
    REQUIRE(moved[i].has_value() == sound);
    const auto alone = keyring->ResealDek(wanted[i]);
    CHECK(alone.has_value() == sound);
    if (!sound) {
      CheckFails(alone, ErrorKind::kIntegrity);
      continue;
    }
    CHECK(keyring->OpenDek(newest, *moved[i], to_aad).value().key == made[i].dek.key);
    CheckFails(keyring->OpenDek(newest, *moved[i], AadOf(i)), ErrorKind::kIntegrity);
    CheckFails(keyring->OpenDek(KekOf(i), *moved[i], to_aad), ErrorKind::kIntegrity);
    ivs.emplace(moved[i]->bytes.begin(), moved[i]->bytes.begin() + 12);
    ivs.emplace(alone.value().bytes.begin(), alone.value().bytes.begin() + 12);
  }
  CHECK(ivs.size() == 2 * (made.size() - 4));
  CHECK(keyring->Health().state == crypto::KeyringHealth::State::kOk);
}

TEST_CASE_FIXTURE(Batch, "Nothing is made or opened for nobody") {
  CHECK(keyring->ResealDeks({}).empty());
  CHECK(keyring->GenerateDeks({}).empty());
  CHECK(keyring->OpenDeks({}).empty());
}

TEST_CASE_FIXTURE(Batch, "Batches of several threads share keys, cache and sessions without a wrong answer") {
  const auto made = MakeAll();
  std::atomic<int> wrong{0};
  std::atomic<int> missing{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int round = 0; round < 20; ++round) {
        const auto opened = Open(ToOpen(made));
        for (size_t i = 0; i < made.size(); ++i) {
          if (!opened[i]) {
            ++missing;
          } else if (!(opened[i]->key == made[i].dek.key)) {
            ++wrong;
          }
        }
        const auto& kek = keks[static_cast<size_t>(t + round) % keks.size()];
        keyring->ForgetKeks(kek.identity.vault);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(missing == 0);
  CHECK(keyring->Health().sessions_in_use == 0);
}

TEST_CASE("Initialising makes every key once and finds it afterwards") {
  Kit kit;
  const auto again = InitializeToken(FreshToken(), kit.clock, kit.random, kit.log);
  REQUIRE(again);
  const auto third = InitializeToken(FreshToken(), kit.clock, kit.random, kit.log);
  REQUIRE(third);
  CHECK(third.value().created.empty());
  const std::set<std::string> existing(third.value().existing.begin(), third.value().existing.end());
  CHECK(existing == std::set<std::string>{"claviger-root-v1", "claviger-lookup-v1", "claviger-audit-v1",
                                          "claviger-tls-v1", "claviger-token-v1"});
}

TEST_CASE_FIXTURE(Fixture, "The TLS key is of P-256 and signs handshakes only") {
  const auto keys = keyring->PublicKeys(SigningKey::kTls).value();
  REQUIRE(keys.size() == 1);
  CHECK(keys[0].kid == "claviger-tls-v1");
  CHECK(keys[0].algorithm == crypto::SignatureAlgorithm::kEs256);
  const Bytes handshake = crypto::TrialHandshake();
  const auto signature = keyring->SignAs(SigningKey::kTls, keys[0].kid, handshake);
  REQUIRE(signature);
  CHECK(crypto::VerifyEs256(keys[0].raw, handshake, signature.value().bytes));
  CheckFails(keyring->SignAs(SigningKey::kTls, keys[0].kid, kAad), ErrorKind::kInternal);
  CheckFails(keyring->Sign(SigningKey::kTls, handshake), ErrorKind::kInternal);
  CheckFails(keyring->SignAs(SigningKey::kTls, "claviger-tls-v2", handshake), ErrorKind::kNotFound);
  CheckFails(keyring->SignAs(SigningKey::kTls, "claviger-token-v1", handshake), ErrorKind::kNotFound);
}

TEST_CASE("A token of before there were TLS keys lacks nothing else") {
  Kit kit;
  const HsmConfig config = FreshToken();
  kit.Initialize(config);
  REQUIRE(OnToken<bool>(config, Want::kOurKeys, [](Session& session) -> Outcome<bool> {
    TRYV(DestroyKey(session, KeyHalf::kPrivate, "claviger-tls-v1"));
    TRYV(DestroyKey(session, KeyHalf::kPublic, "claviger-tls-v1"));
    return true;
  }));
  const auto keyring = kit.Open(config);
  CHECK(keyring->PublicKeys(SigningKey::kTls).value().empty());
  CHECK(keyring->Sign(SigningKey::kToken, kAad));
  CHECK(keyring->RefreshSigningKeys());
  CheckFails(keyring->SignAs(SigningKey::kTls, "claviger-tls-v1", crypto::TrialHandshake()),
             ErrorKind::kNotFound);
}

TEST_CASE_FIXTURE(Fixture, "Health names module and token and counts what is held") {
  const auto health = keyring->Health();
  CHECK(health.state == crypto::KeyringHealth::State::kOk);
  CHECK_FALSE(health.provider.empty());
  CHECK(health.token_label == config.token_labels[0]);
  CHECK_FALSE(health.token_serial.empty());
  CHECK(health.sessions_total >= 3);
  CHECK(health.sessions_in_use == 0);
  CHECK(health.generation == 1);
  CHECK(health.last_ok_at.has_value());
  CHECK(health.last_error.empty());
}

TEST_CASE_FIXTURE(Fixture, "Eight threads share keys, cache and sessions without a wrong answer") {
  std::vector<crypto::WrappedKek> keks;
  std::vector<crypto::Keyring::NewDek> deks;
  for (int i = 0; i < 6; ++i) {
    keks.push_back(NewKek());
    deks.push_back(keyring->GenerateDek(keks.back(), kAad).value());
  }
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 150; ++i) {
        const size_t which = (t + i) % keks.size();
        const auto opened = keyring->OpenDek(keks[which], deks[which].sealed, kAad);
        if (!opened || !(opened.value().key == deks[which].dek.key)) ++wrong;
        if (i % 10 == t) keyring->ForgetKeks(keks[which].identity.vault);
        if (i % 25 == t && !keyring->Sign(SigningKey::kToken, kAad)) ++wrong;
        auto forged = deks[which].sealed;
        forged.bytes[20] ^= 1;
        if (i % 30 == t && keyring->OpenDek(keks[which], forged, kAad)) ++wrong;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(keyring->Health().sessions_in_use == 0);
}
