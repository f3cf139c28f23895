#include "crypto/moving_keyring.h"

#include <doctest/doctest.h>

#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_customer_tokens.h"
#include "tests/fakes/fake_keyring.h"

using namespace claviger;
using namespace claviger::crypto;
using std::chrono::seconds;

namespace {

constexpr seconds kSettling{30};
const ByteView kRow = AsBytes("row");
const Bytes kRowBytes(kRow.begin(), kRow.end());

struct Fixture {
  fakes::FakeKeyring old{1};
  fakes::FakeKeyring next{2, SignatureAlgorithm::kEdDsa, 2};
  fakes::FakeClock clock;
  MovingKeyring keyring{old, next, kSettling, clock};

  Fixture() {
    for (const auto role : {SigningKey::kToken, SigningKey::kAudit})
      next.AddPublicHalf(role, Newest(old, role));
    REQUIRE(keyring.Start());
  }
  static PublicKey Newest(Keyring& of, SigningKey role) { return of.PublicKeys(role).value().front(); }
  // What the operator's command does, and every node sees.
  void Mark() {
    for (const auto role : {SigningKey::kToken, SigningKey::kAudit})
      old.AddPublicHalf(role, Newest(next, role));
    REQUIRE(keyring.RefreshSigningKeys());
  }
  void Settle() { clock.Advance(kSettling); }
  static KekIdentity Kek(uint8_t vault) {
    KekIdentity identity;
    identity.vault.uuid.data[15] = vault;
    return identity;
  }
  std::vector<std::string> Kids(SigningKey which) {
    std::vector<std::string> kids;
    const auto keys = keyring.PublicKeys(which).value();
    for (const auto& key : keys) kids.push_back(key.kid);
    return kids;
  }
  std::string SignerOf(SigningKey which) { return keyring.Sign(which, AsBytes("m")).value().kid; }
};

using Names = std::vector<std::string>;

template <class T>
bool Fails(const Result<T>& result, ErrorKind kind = ErrorKind::kUnavailable) {
  return !result && result.error().kind == kind;
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "Before the mark the next token does nothing, and need not be there") {
  next.SetUnavailable(true);
  const auto kek = keyring.GenerateKek(Kek(1)).value();
  CHECK(kek.root_version == 1);
  const auto made = keyring.GenerateDek(kek, kRow).value();
  CHECK(old.OpenDek(kek, made.sealed, kRow).value().key == made.dek.key);
  CHECK(keyring.OpenDek(kek, made.sealed, kRow).value().key == made.dek.key);
  CHECK(keyring.Mac(kRow).value() == old.Mac(kRow).value());
  CHECK(!keyring.OlderMac(kRow).value());
  CHECK(Kids(SigningKey::kToken) == Names{"claviger-token-v1"});
  CHECK(Kids(SigningKey::kAudit) == Names{"claviger-audit-v1"});
  CHECK(SignerOf(SigningKey::kToken) == "claviger-token-v1");
  CHECK(keyring.SignAs(SigningKey::kAudit, "claviger-audit-v1", kRow));
  CHECK(keyring.RefreshSigningKeys());
  CHECK(!keyring.marked());
}

TEST_CASE_FIXTURE(Fixture, "What another node has put under the next token opens before the mark") {
  const auto kek = next.GenerateKek(Kek(1)).value();
  const auto made = next.GenerateDek(kek, kRow).value();
  CHECK(keyring.OpenDek(kek, made.sealed, kRow).value().key == made.dek.key);
}

TEST_CASE_FIXTURE(Fixture, "From the mark on KEKs are the next token's, and either opens what it made") {
  const auto before = keyring.GenerateKek(Kek(1)).value();
  const auto dek = keyring.GenerateDek(before, kRow).value();
  Mark();
  REQUIRE(keyring.marked());
  const auto after = keyring.GenerateKek(Kek(1)).value();
  CHECK(after.root_version == 2);
  const auto other = keyring.GenerateDek(after, kRow).value();
  CHECK(Fails(old.OpenDek(after, other.sealed, kRow), ErrorKind::kIntegrity));
  CHECK(keyring.OpenDek(after, other.sealed, kRow).value().key == other.dek.key);
  CHECK(keyring.OpenDek(before, dek.sealed, kRow).value().key == dek.dek.key);
  const auto again = keyring.SealDek(before, other.dek, kRow).value();
  CHECK(old.OpenDek(before, again, kRow).value().key == other.dek.key);
}

TEST_CASE_FIXTURE(Fixture, "The next token signs when the mark has settled, and both are published at once") {
  Mark();
  CHECK(Kids(SigningKey::kToken) == Names{"claviger-token-v1", "claviger-token-v2"});
  CHECK(Kids(SigningKey::kAudit) == Names{"claviger-audit-v1", "claviger-audit-v2"});
  CHECK(SignerOf(SigningKey::kToken) == "claviger-token-v1");
  clock.Advance(kSettling - seconds(1));
  CHECK(SignerOf(SigningKey::kToken) == "claviger-token-v1");
  clock.Advance(seconds(1));
  CHECK(SignerOf(SigningKey::kToken) == "claviger-token-v2");
  CHECK(Kids(SigningKey::kToken) == Names{"claviger-token-v2", "claviger-token-v1"});
  CHECK(Kids(SigningKey::kAudit) == Names{"claviger-audit-v2", "claviger-audit-v1"});
  // The log may still be at the key before.
  CHECK(keyring.SignAs(SigningKey::kAudit, "claviger-audit-v1", kRow).value().kid == "claviger-audit-v1");
  CHECK(keyring.SignAs(SigningKey::kAudit, "claviger-audit-v2", kRow).value().kid == "claviger-audit-v2");
}

TEST_CASE_FIXTURE(Fixture, "A half of another key, or the token's alone, is no mark") {
  old.AddPublicHalf(SigningKey::kToken, Newest(next, SigningKey::kToken));
  auto edited = Newest(next, SigningKey::kAudit);
  edited.raw.back() ^= 1;
  old.AddPublicHalf(SigningKey::kAudit, edited);
  REQUIRE(keyring.RefreshSigningKeys());
  CHECK(!keyring.marked());
}

TEST_CASE_FIXTURE(Fixture, "Stored credentials are found under either lookup key from the mark on") {
  Mark();
  CHECK(keyring.Mac(kRow).value() == old.Mac(kRow).value());
  CHECK(keyring.OlderMac(kRow).value() == next.Mac(kRow).value());  // of nodes that were quicker
  Settle();
  CHECK(keyring.Mac(kRow).value() == next.Mac(kRow).value());
  CHECK(keyring.Mac(kRow).value().version == 2);
  CHECK(keyring.OlderMac(kRow).value() == old.Mac(kRow).value());
}

TEST_CASE_FIXTURE(Fixture, "TLS keys of both tokens sign from the start") {
  CHECK(Kids(SigningKey::kTls) == Names{"claviger-tls-v1", "claviger-tls-v2"});
  CHECK(keyring.SignAs(SigningKey::kTls, "claviger-tls-v1", kRow).value().kid == "claviger-tls-v1");
  CHECK(keyring.SignAs(SigningKey::kTls, "claviger-tls-v2", kRow).value().kid == "claviger-tls-v2");
  next.SetUnavailable(true);
  CHECK(Kids(SigningKey::kTls) == Names{"claviger-tls-v1"});
}

TEST_CASE_FIXTURE(Fixture, "A data key is sealed anew from one token to the other, and within each") {
  const auto before = old.GenerateKek(Kek(1)).value();
  const auto other = old.GenerateKek(Kek(2)).value();
  const auto after = next.GenerateKek(Kek(1)).value();
  const auto dek = old.GenerateDek(before, kRow).value();
  const Bytes to{1, 2};
  const auto moved = keyring.ResealDek({before, dek.sealed, kRowBytes, after, to}).value();
  CHECK(next.OpenDek(after, moved, to).value().key == dek.dek.key);
  CHECK(Fails(next.OpenDek(after, moved, kRow), ErrorKind::kIntegrity));
  const auto within = keyring.ResealDek({before, dek.sealed, kRowBytes, other, to}).value();
  CHECK(old.OpenDek(other, within, to).value().key == dek.dek.key);
  auto edited = dek.sealed;
  edited.bytes.back() ^= 1;
  CHECK(Fails(keyring.ResealDek({before, edited, kRowBytes, after, to}), ErrorKind::kIntegrity));
}

TEST_CASE_FIXTURE(Fixture, "Batches go to the token of each, and what fails is empty in its place") {
  const auto before = old.GenerateKek(Kek(1)).value();
  const auto after = next.GenerateKek(Kek(2)).value();
  auto unloadable = after;
  unloadable.blob.back() ^= 1;
  const auto made = keyring.GenerateDeks(
      {{before, kRowBytes}, {after, kRowBytes}, {unloadable, kRowBytes}, {before, kRowBytes}});
  REQUIRE(made.size() == 4);
  REQUIRE(made[0]);
  REQUIRE(made[1]);
  CHECK(!made[2]);
  REQUIRE(made[3]);
  const auto opened = keyring.OpenDeks({{after, made[1]->sealed, kRowBytes},
                                        {after, made[0]->sealed, kRowBytes},
                                        {before, made[3]->sealed, kRowBytes}});
  REQUIRE(opened.size() == 3);
  CHECK(opened[0]->key == made[1]->dek.key);
  CHECK(!opened[1]);
  CHECK(opened[2]->key == made[3]->dek.key);

  auto edited = made[0]->sealed;
  edited.bytes.back() ^= 1;
  const auto moved = keyring.ResealDeks({{before, made[0]->sealed, kRowBytes, after, kRowBytes},
                                         {before, edited, kRowBytes, after, kRowBytes},
                                         {after, made[1]->sealed, kRowBytes, after, {}},
                                         {before, made[3]->sealed, kRowBytes, after, kRowBytes}});
  REQUIRE(moved.size() == 4);
  CHECK(next.OpenDek(after, *moved[0], kRow).value().key == made[0]->dek.key);
  CHECK(!moved[1]);
  CHECK(next.OpenDek(after, *moved[2], {}).value().key == made[1]->dek.key);
  CHECK(next.OpenDek(after, *moved[3], kRow).value().key == made[3]->dek.key);
  CHECK(keyring.ResealDeks({}).empty());
}

TEST_CASE_FIXTURE(Fixture, "While one token is away only what needs it fails") {
  const auto before = old.GenerateKek(Kek(1)).value();
  const auto after = next.GenerateKek(Kek(2)).value();
  const auto of_old = old.GenerateDek(before, kRow).value();
  const auto of_next = next.GenerateDek(after, kRow).value();
  Mark();
  Settle();
  const auto both = [&] {
    return keyring.OpenDeks({{before, of_old.sealed, kRowBytes}, {after, of_next.sealed, kRowBytes}});
  };
  old.SetUnavailable(true);
  CHECK(Fails(keyring.OpenDek(before, of_old.sealed, kRow)));
  CHECK(keyring.OpenDek(after, of_next.sealed, kRow));
  CHECK(Fails(keyring.ResealDek({before, of_old.sealed, kRowBytes, after, kRowBytes})));
  CHECK(keyring.GenerateKek(Kek(3)));
  CHECK(keyring.Mac(kRow));
  CHECK(Fails(keyring.OlderMac(kRow)));
  CHECK(SignerOf(SigningKey::kToken) == "claviger-token-v2");
  CHECK(Kids(SigningKey::kToken) == Names{"claviger-token-v2", "claviger-token-v1"});
  CHECK(keyring.RefreshSigningKeys());
  CHECK(keyring.Health().state == KeyringHealth::State::kUnavailable);
  CHECK((!both()[0] && both()[1]));

  old.SetUnavailable(false);
  next.SetUnavailable(true);
  CHECK(keyring.OpenDek(before, of_old.sealed, kRow));
  CHECK(Fails(keyring.OpenDek(after, of_next.sealed, kRow)));
  CHECK(Fails(keyring.ResealDek({before, of_old.sealed, kRowBytes, after, kRowBytes})));
  CHECK(Fails(keyring.GenerateKek(Kek(3))));
  CHECK(Fails(keyring.Mac(kRow)));
  CHECK(Kids(SigningKey::kToken) == Names{"claviger-token-v1", "claviger-token-v2"});  // to verify with
  CHECK(keyring.Health().state == KeyringHealth::State::kUnavailable);
  CHECK((both()[0] && !both()[1]));
}

TEST_CASE_FIXTURE(Fixture, "Both forget, and health names the token that makes KEKs") {
  const auto vault = Kek(1).vault;
  keyring.ForgetKeks(vault);
  CHECK(old.Forgotten(vault) == 1);
  CHECK(next.Forgotten(vault) == 1);
  CHECK(keyring.Health().state == KeyringHealth::State::kOk);
  CHECK(keyring.Health().newest_root == 2);
}

TEST_CASE("A next token whose keys are no successors is refused") {
  fakes::FakeKeyring old{1};
  fakes::FakeKeyring stranger{2};
  const fakes::FakeClock clock;
  CHECK(Fails(MovingKeyring(old, stranger, kSettling, clock).Start(), ErrorKind::kConflict));
  stranger.SetUnavailable(true);
  CHECK(!MovingKeyring(old, stranger, kSettling, clock).Start());
}
