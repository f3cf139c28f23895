// Signing keys that come and go under a keyring that is open, and the rotation that makes them do so.

#include "daemon/key_rotation.h"

#include <doctest/doctest.h>

#include <thread>

#include "crypto/jws.h"
#include "hsm/key_ceremony.h"
#include "hsm/key_templates.h"
#include "tests/hsm/faults.h"
#include "tests/hsm/raw_module.h"

using namespace claviger;
using namespace claviger::hsm;
using namespace claviger::hsm::tests;
using crypto::SigningKey;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

std::string Name(uint32_t version) { return SigningKeyName(SigningKey::kToken, version); }

// "2 1-": version 2 can sign, of version 1 the public half alone is there.
std::string Held(const HsmConfig& config) {
  std::string held;
  const auto keys = ListSigningKeys(config, SigningKey::kToken).value();
  for (const HeldKey& key : keys) {
    held += (held.empty() ? "" : " ") + std::to_string(key.version) + (key.can_sign ? "" : "-");
  }
  return held;
}

uint32_t NewestVersion(const HsmConfig& config) {
  return ListSigningKeys(config, SigningKey::kToken).value().front().version;
}

// Another process on the token: it makes and destroys keys while a keyring of ours is open.
struct Other {
  explicit Other(const HsmConfig& of) : config(of), session(of) {}
  void Make(uint32_t version) {
    CK_MECHANISM mechanism{CKM_EC_EDWARDS_KEY_PAIR_GEN, nullptr, 0};
    const auto algorithm = crypto::SignatureAlgorithm::kEdDsa;
    Template public_key = SigningPublicTemplate(Name(version), algorithm);
    Template private_key = SigningPrivateTemplate(Name(version), algorithm, config);
    CK_OBJECT_HANDLE halves[2];
    REQUIRE(session.ck.C_GenerateKeyPair(session.handle, &mechanism, public_key.data(), public_key.size(),
                                         private_key.data(), private_key.size(), &halves[0],
                                         &halves[1]) == CKR_OK);
  }
  void Destroy(CK_OBJECT_CLASS half, uint32_t version) {
    const CK_OBJECT_HANDLE key = session.Find(half, Name(version));
    REQUIRE(key != CK_INVALID_HANDLE);
    REQUIRE(session.ck.C_DestroyObject(session.handle, key) == CKR_OK);
  }
  void Remove(uint32_t version) {
    Destroy(CKO_PRIVATE_KEY, version);
    Destroy(CKO_PUBLIC_KEY, version);
  }

  const HsmConfig& config;
  RawSession session;
};

struct Fixture {
  Kit kit;
  HsmConfig config = FreshToken();
  std::unique_ptr<crypto::Keyring> keyring;
  uint32_t first = 0;  // the version that is there when a test begins

  Fixture() {
    config.key_settling = milliseconds(300);
    kit.Initialize(config);
    first = NewestVersion(config);
    keyring = kit.Open(config);
  }
  std::vector<std::string> Published() {
    std::vector<std::string> kids;
    const auto keys = keyring->PublicKeys(SigningKey::kToken).value();
    for (const auto& key : keys) kids.push_back(key.kid);
    return kids;
  }
  std::string Signer() {
    const auto signature = keyring->Sign(SigningKey::kToken, AsBytes("m")).value();
    const auto keys = keyring->PublicKeys(SigningKey::kToken).value();
    for (const auto& key : keys) {
      if (key.kid == signature.kid) CHECK(crypto::VerifySignature(key, AsBytes("m"), signature.bytes));
    }
    return signature.kid;
  }
};

using Kids = std::vector<std::string>;

}  // namespace

TEST_CASE_FIXTURE(Fixture, "A key that others made is found, settles, signs, and outlives the one before") {
  Other other(config);
  const Kids before{Name(first)};
  CHECK(Published() == before);
  other.Make(first + 1);
  CHECK(Published() == before);  // nobody looked

  REQUIRE(keyring->RefreshSigningKeys());
  CHECK(Published() == Kids{Name(first), Name(first + 1)});
  CHECK(Signer() == Name(first));
  Await("the new key signs", [&] { return Signer() == Name(first + 1); });
  CHECK(Published() == Kids{Name(first + 1), Name(first)});

  other.Destroy(CKO_PRIVATE_KEY, first);
  REQUIRE(keyring->RefreshSigningKeys());
  CHECK(Published() == Kids{Name(first + 1), Name(first)});
  CHECK(Signer() == Name(first + 1));
  other.Destroy(CKO_PUBLIC_KEY, first);
  REQUIRE(keyring->RefreshSigningKeys());
  CHECK(Published() == Kids{Name(first + 1)});
  CHECK(keyring->Health().generation == 1);  // all that on one connection
}

TEST_CASE_FIXTURE(Fixture, "A keyring whose key was withdrawn behind its back signs with the next") {
  Other other(config);
  other.Make(first + 1);
  CHECK(Signer() == Name(first));
  other.Destroy(CKO_PRIVATE_KEY, first);
  CHECK(Signer() == Name(first + 1));
  CHECK(Published() == Kids{Name(first + 1), Name(first)});
  RawSession session(config);
  const auto half = session.Find(CKO_PUBLIC_KEY, Name(first));
  REQUIRE(session.ck.C_DestroyObject(session.handle, half) == CKR_OK);
}

TEST_CASE_FIXTURE(Fixture, "Two keys of one name are refused, and those known before stay") {
  Other other(config);
  other.Make(first + 1);
  other.Make(first + 1);
  const auto refreshed = keyring->RefreshSigningKeys();
  REQUIRE_FALSE(refreshed);
  CHECK(refreshed.error().kind == ErrorKind::kConflict);
  CHECK(refreshed.error().detail == "The token holds two keys named " + Name(first + 1));
  CHECK(Signer() == Name(first));
  CHECK(keyring->Health().state == crypto::KeyringHealth::State::kOk);
  for (const auto half : {CKO_PRIVATE_KEY, CKO_PUBLIC_KEY}) {
    for (int i = 0; i < 2; ++i) {
      Template match;
      match.Number(CKA_CLASS, half).Text(CKA_LABEL, Name(first + 1));
      CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
      CK_ULONG count = 0;
      REQUIRE(other.session.ck.C_FindObjectsInit(other.session.handle, match.data(), match.size()) == CKR_OK);
      REQUIRE(other.session.ck.C_FindObjects(other.session.handle, &key, 1, &count) == CKR_OK);
      REQUIRE(other.session.ck.C_FindObjectsFinal(other.session.handle) == CKR_OK);
      REQUIRE(other.session.ck.C_DestroyObject(other.session.handle, key) == CKR_OK);
    }
  }
  CHECK(keyring->RefreshSigningKeys());
}

TEST_CASE_FIXTURE(Fixture, "A look that finds no key, or fails, changes nothing") {
  keyring.reset();
  Faults faults;
  HsmConfig faulty = FaultyConfig();
  keyring = kit.Open(faulty);
  const Kids before = Published();
  faults.Set("C_FindObjects error CKR_DEVICE_MEMORY times 1");
  CHECK_FALSE(keyring->RefreshSigningKeys());
  CHECK(Published() == before);
  CHECK(keyring->RefreshSigningKeys());
  CHECK(Published() == before);
}

TEST_CASE("Keys are made, withdrawn and removed in that order only") {
  Kit kit;
  const HsmConfig config = FreshToken();
  kit.Initialize(config);
  constexpr auto kToken = SigningKey::kToken;
  const uint32_t first = NewestVersion(config);
  const auto conflict = [](const Status& status) {
    return !status && status.error().kind == ErrorKind::kConflict;
  };
  const std::string before = Held(config);
  CHECK(conflict(MakeSigningKey(config, kToken, first)));
  CHECK(conflict(WithdrawSigningKey(config, kToken, first)));  // nothing could sign
  CHECK(conflict(RemoveSigningKey(config, kToken, first)));
  CHECK(Held(config) == before);

  REQUIRE(MakeSigningKey(config, kToken, first + 1));
  CHECK(conflict(MakeSigningKey(config, kToken, first + 1)));
  CHECK(conflict(WithdrawSigningKey(config, kToken, first + 1)));  // none newer
  CHECK(conflict(RemoveSigningKey(config, kToken, first)));
  for (int i = 0; i < 2; ++i) {
    REQUIRE(WithdrawSigningKey(config, kToken, first));
    CHECK(Held(config) == std::to_string(first + 1) + ' ' + std::to_string(first) + '-');
  }
  for (int i = 0; i < 2; ++i) {
    REQUIRE(RemoveSigningKey(config, kToken, first));
    CHECK(Held(config) == std::to_string(first + 1));
  }
  CHECK(ListSigningKeys(config, SigningKey::kAudit).value().size() == 1);
}

TEST_CASE("Whoever changes a key learns of a set that no daemon would start with") {
  Kit kit;
  const HsmConfig config = FreshToken();
  kit.Initialize(config);
  {
    const auto keyring = kit.Open(config);
    const RawSession session(config);
    const auto lookup = session.Find(CKO_SECRET_KEY, "claviger-lookup-v1");
    REQUIRE(lookup != CK_INVALID_HANDLE);
    REQUIRE(session.ck.C_DestroyObject(session.handle, lookup) == CKR_OK);
  }
  const uint32_t first = NewestVersion(config);
  CHECK_FALSE(MakeSigningKey(config, SigningKey::kToken, first + 1));
  // The token is as the next test wants it.
  kit.Initialize(config);
  REQUIRE(WithdrawSigningKey(config, SigningKey::kToken, first));
  REQUIRE(RemoveSigningKey(config, SigningKey::kToken, first));
}

namespace {

struct Killed {};

// Notes what the rotation does, and kills it where it is told to.
class Desk final : public daemon::RotationDesk {
 public:
  int kill_at = -1;                 // so many of before an act, after an act, during a wait are survived
  std::function<void()> meanwhile;  // during each wait
  std::vector<seconds> waits;
  std::vector<std::string> acts;

  daemon::Outcome<void> Act(const std::string& action, const std::string& key,
                            const std::function<Status()>& act) override {
    Step();
    acts.push_back(action + ' ' + key);
    TRYV(daemon::Stage(daemon::ExitCode::kHsm, act()));
    Step();
    return boost::outcome_v2::success();
  }
  void Wait(seconds time, const std::string&) override {
    waits.push_back(time);
    if (meanwhile) meanwhile();
    Step();
  }
  void Tell(const std::string&) override {}
  daemon::Outcome<bool> Seals(const crypto::PublicKey& key) override {
    Step();
    asked.push_back(key.kid);
    return asked.size() >= seals_after;
  }
  size_t seals_after = 3;
  std::vector<std::string> asked;

 private:
  void Step() {
    if (kill_at-- == 0) throw Killed{};
  }
};

struct RotationFixture {
  Kit kit;
  HsmConfig config = FreshToken();
  uint32_t first = 0;

  RotationFixture() {
    config.key_settling = seconds(30);
    kit.Initialize(config);
    first = NewestVersion(config);
  }
  bool Rotate(Desk& desk) { return daemon::RotateTokenKey(config, desk).has_value(); }
};

}  // namespace

TEST_CASE_FIXTURE(RotationFixture, "A rotation makes the new key, waits, and ends the old one in two steps") {
  const std::string old = std::to_string(first), made = std::to_string(first + 1);
  Desk desk;
  Kids seen;
  desk.meanwhile = [&] { seen.push_back(Held(config)); };
  REQUIRE(Rotate(desk));
  CHECK(desk.acts == Kids{"token_key.make " + Name(first + 1), "token_key.withdraw " + Name(first),
                          "token_key.remove " + Name(first)});
  CHECK(seen == Kids{made + ' ' + old, made + ' ' + old + '-'});
  CHECK(desk.waits == std::vector{seconds(60), seconds(990)});
  CHECK(Held(config) == made);
}

TEST_CASE_FIXTURE(RotationFixture,
                  "A rotation that is killed anywhere is finished by the next, which waits anew") {
  bool killed = true;
  for (int step = 0; killed; ++step) {
    CAPTURE(step);
    const uint32_t before = NewestVersion(config);
    Desk first_desk;
    first_desk.kill_at = step;
    killed = false;
    try {
      const bool done = Rotate(first_desk);
      REQUIRE(done);
    } catch (const Killed&) {
      killed = true;
    }
    if (!killed) break;
    const std::string left = Held(config);
    if (left == std::to_string(before + 1)) continue;  // killed when all was done
    Desk second_desk;
    REQUIRE(Rotate(second_desk));
    CHECK(Held(config) == std::to_string(before + 1));
    // What a killed rotation had waited does not count.
    if (left.ends_with('-')) CHECK(second_desk.waits == std::vector{seconds(990)});
    if (!left.ends_with('-')) CHECK(second_desk.waits == std::vector{seconds(60), seconds(990)});
    CHECK(step < 20);
  }
}

TEST_CASE_FIXTURE(RotationFixture, "An HSM that fails at any step is asked again by the next rotation") {
  Faults faults;
  config = FaultyConfig();
  // `at_wait` 0: before the first one.
  const auto fails_at = [&](size_t at_wait, const char* rules) {
    CAPTURE(rules);
    const uint32_t before = NewestVersion(config);
    Desk failing;
    failing.meanwhile = [&] {
      if (failing.waits.size() == at_wait) faults.Set(rules);
    };
    if (at_wait == 0) faults.Set(rules);
    CHECK_FALSE(Rotate(failing));
    faults.Clear();
    Desk desk;
    REQUIRE(Rotate(desk));
    CHECK(Held(config) == std::to_string(before + 1));
  };
  fails_at(0, "C_GenerateKeyPair error CKR_DEVICE_ERROR times 1");
  fails_at(1, "C_DestroyObject error CKR_DEVICE_ERROR times 1");
  fails_at(2, "C_DestroyObject error CKR_DEVICE_ERROR times 1");
  fails_at(1, "C_Login error CKR_DEVICE_REMOVED times 1");
}

TEST_CASE_FIXTURE(RotationFixture, "Two operators at once make one new key, and both succeed") {
  for (const size_t at_wait : {size_t{1}, size_t{2}}) {
    CAPTURE(at_wait);
    const uint32_t before = NewestVersion(config);
    Desk one, other;
    one.meanwhile = [&] {
      if (one.waits.size() == at_wait) CHECK(Rotate(other));
    };
    CHECK(Rotate(one));
    CHECK(Held(config) == std::to_string(before + 1));
    CHECK(other.acts.front().find("make") == std::string::npos);
  }
}

TEST_CASE_FIXTURE(RotationFixture,
                  "A key that was only half made never signs, and goes with the next rotation") {
  {
    const auto keyring = kit.Open(config);
    Other other(config);
    other.Make(first + 1);
    other.Destroy(CKO_PRIVATE_KEY, first + 1);
  }
  CHECK(Held(config) == std::to_string(first + 1) + "- " + std::to_string(first));
  // Nor does it stand in for the one before.
  const auto withdrawn = WithdrawSigningKey(config, SigningKey::kToken, first);
  REQUIRE_FALSE(withdrawn);
  CHECK(withdrawn.error().kind == ErrorKind::kConflict);
  CHECK(Held(config) == std::to_string(first + 1) + "- " + std::to_string(first));
  Desk desk;
  REQUIRE(Rotate(desk));
  CHECK(desk.acts.front() == "token_key.make " + Name(first + 2));
  CHECK(Held(config) == std::to_string(first + 2));
}

namespace {

std::string HeldForAudit(const HsmConfig& config) {
  std::string held;
  const auto keys = ListSigningKeys(config, SigningKey::kAudit).value();
  for (const HeldKey& key : keys) {
    held += (held.empty() ? "" : " ") + std::to_string(key.version) + (key.can_sign ? "" : "-");
  }
  return held;
}

}  // namespace

TEST_CASE_FIXTURE(RotationFixture, "An audit key is withdrawn when the next one seals, and stays published") {
  const uint32_t before = ListSigningKeys(config, SigningKey::kAudit).value().front().version;
  const auto name = [](uint32_t version) { return SigningKeyName(SigningKey::kAudit, version); };
  Desk desk;
  const std::string held = HeldForAudit(config);
  REQUIRE(daemon::RotateAuditKey(config, desk));
  CHECK(desk.acts == Kids{"audit_key.make " + name(before + 1), "audit_key.withdraw " + name(before)});
  CHECK(desk.waits == std::vector{seconds(60)});
  CHECK(desk.asked == Kids(3, name(before + 1)));
  CHECK(HeldForAudit(config).starts_with(std::to_string(before + 1) + ' ' + std::to_string(before) + '-'));

  // While nothing is sealed by the new key the old one stays.
  Desk idle;
  idle.seals_after = 1000;
  CHECK_FALSE(daemon::RotateAuditKey(config, idle));
  CHECK(
      HeldForAudit(config).starts_with(std::to_string(before + 2) + ' ' + std::to_string(before + 1) + ' '));
  Desk later;
  REQUIRE(daemon::RotateAuditKey(config, later));
  CHECK(later.acts == Kids{"audit_key.withdraw " + name(before + 1)});
}

TEST_CASE_FIXTURE(RotationFixture,
                  "A rotation of the audit key that is killed anywhere is finished by the next") {
  bool killed = true;
  for (int step = 0; killed; ++step) {
    CAPTURE(step);
    const uint32_t before = ListSigningKeys(config, SigningKey::kAudit).value().front().version;
    Desk first_desk;
    first_desk.kill_at = step;
    killed = false;
    try {
      const bool ended = daemon::RotateAuditKey(config, first_desk).has_value();
      REQUIRE(ended);
    } catch (const Killed&) {
      killed = true;
    }
    const std::string done = std::to_string(before + 1) + ' ' + std::to_string(before) + '-';
    if (HeldForAudit(config).starts_with(done)) continue;
    Desk second_desk;
    REQUIRE(daemon::RotateAuditKey(config, second_desk));
    CHECK(HeldForAudit(config).starts_with(done));
    CHECK(step < 20);
  }
}
