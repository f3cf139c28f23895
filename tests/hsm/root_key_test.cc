// Root keys that come and go under a keyring that is open, and the rotation that makes them do so.

#include <doctest/doctest.h>

#include "daemon/root_rotation.h"
#include "hsm/key_ceremony.h"
#include "hsm/key_templates.h"
#include "tests/hsm/faults.h"
#include "tests/hsm/raw_module.h"

using namespace claviger;
using namespace claviger::hsm;
using namespace claviger::hsm::tests;
using std::chrono::milliseconds;
using std::chrono::seconds;
using State = crypto::KeyringHealth::State;

namespace {

using Versions = std::vector<uint32_t>;

Versions Held(const HsmConfig& config) { return ListRootKeys(config).value(); }

// Another process on the token, while a keyring of ours is open.
void MakeBehindItsBack(const HsmConfig& config, uint32_t version) {
  RawSession session(config);
  CK_MECHANISM mechanism{CKM_AES_KEY_GEN, nullptr, 0};
  Template key = RootKeyTemplate(RootKeyName(version), config);
  CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
  REQUIRE(session.ck.C_GenerateKey(session.handle, &mechanism, key.data(), key.size(), &handle) == CKR_OK);
}
void DestroyBehindItsBack(const HsmConfig& config, uint32_t version) {
  RawSession session(config);
  const CK_OBJECT_HANDLE key = session.Find(CKO_SECRET_KEY, RootKeyName(version));
  REQUIRE(key != CK_INVALID_HANDLE);
  REQUIRE(session.ck.C_DestroyObject(session.handle, key) == CKR_OK);
}

struct Fixture {
  Kit kit;
  HsmConfig config = FreshToken();
  std::unique_ptr<crypto::Keyring> keyring;
  uint32_t first = 0;  // the version that is there when a test begins

  Fixture() {
    kit.Initialize(config);
    first = Held(config).front();
    keyring = kit.Open(config);
  }
  crypto::WrappedKek NewKek() { return NewKek(*keyring); }
  crypto::WrappedKek NewKek(crypto::Keyring& with) {
    crypto::KekIdentity identity;
    identity.vault = VaultId{NewUuidV7(kit.clock, kit.random)};
    auto kek = with.GenerateKek(identity);
    REQUIRE(kek);
    return kek.value();
  }
  bool Works(const crypto::WrappedKek& kek) {
    const auto dek = keyring->GenerateDek(kek, AsBytes("row"));
    return dek && keyring->OpenDek(kek, dek.value().sealed, AsBytes("row"));
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture,
                  "A root that others made is found, wraps from then on, and the one before unwraps") {
  const auto before = NewKek();
  CHECK(before.root_version == first);
  MakeBehindItsBack(config, first + 1);
  CHECK(NewKek().root_version == first);  // nobody looked
  REQUIRE(keyring->RefreshSigningKeys());
  const auto after = NewKek();
  CHECK(after.root_version == first + 1);
  CHECK(Works(before));
  CHECK(Works(after));
  keyring->ForgetKeks(before.identity.vault);
  keyring->ForgetKeks(after.identity.vault);
  CHECK(Works(before));
  CHECK(Works(after));

  // A KEK says under which root it is: under another it does not open.
  auto moved = after;
  moved.root_version = first;
  CHECK(!Works(moved));

  // The one before goes, and is not missed: not by the probe either.
  DestroyBehindItsBack(config, first);
  CHECK(keyring->Health().state == State::kOk);
  REQUIRE(keyring->RefreshSigningKeys());
  keyring->ForgetKeks(before.identity.vault);
  const auto lost = keyring->GenerateDek(before, AsBytes("row"));
  REQUIRE(!lost);
  CHECK(lost.error().kind == ErrorKind::kIntegrity);
  CHECK(Works(after));
  CHECK(NewKek().root_version == first + 1);
  const auto probed = keyring->Health().last_ok_at;
  Await("a probe", [&] { return keyring->Health().last_ok_at > probed; });
  CHECK(keyring->Health().generation == 1);  // all that on one connection
  CHECK(keyring->Health().last_error.empty());
}

TEST_CASE_FIXTURE(Fixture, "A KEK under a root that is not known is reason for one look, before it fails") {
  const uint32_t next = first + 1;
  keyring.reset();
  Faults faults;
  const HsmConfig faulty = FaultyConfig();
  keyring = kit.Open(faulty);
  MakeBehindItsBack(faulty, next);
  const auto known = NewKek();
  CHECK(known.root_version == first);
  auto unknown = known;
  unknown.root_version = next + 7;
  const auto refused = keyring->GenerateDek(unknown, AsBytes("row"));
  REQUIRE(!refused);
  CHECK(refused.error().kind == ErrorKind::kIntegrity);
  // It found the next one on the way, as it would have one that a KEK of another node lies under.
  const auto newer = NewKek();
  CHECK(newer.root_version == next);

  // What is known is not looked for.
  for (const auto& kek : {known, newer}) keyring->ForgetKeks(kek.identity.vault);
  faults.Set("C_FindObjectsInit error CKR_DEVICE_MEMORY");
  CHECK(Works(known));
  CHECK(Works(newer));
  CHECK(keyring->GenerateDek(unknown, AsBytes("row")).error().kind == ErrorKind::kUnavailable);
}

TEST_CASE_FIXTURE(Fixture, "Two root keys of one name are refused, and those known before stay") {
  const uint32_t next = first + 1;
  MakeBehindItsBack(config, next);
  MakeBehindItsBack(config, next);
  const auto refreshed = keyring->RefreshSigningKeys();
  REQUIRE_FALSE(refreshed);
  CHECK(refreshed.error().kind == ErrorKind::kConflict);
  CHECK(NewKek().root_version == next - 1);
  RawSession session(config);
  Template match;
  match.Number(CKA_CLASS, CKO_SECRET_KEY).Text(CKA_LABEL, RootKeyName(next));
  CK_OBJECT_HANDLE twins[2] = {};
  CK_ULONG count = 0;
  REQUIRE(session.ck.C_FindObjectsInit(session.handle, match.data(), match.size()) == CKR_OK);
  REQUIRE(session.ck.C_FindObjects(session.handle, twins, 2, &count) == CKR_OK);
  REQUIRE(session.ck.C_FindObjectsFinal(session.handle) == CKR_OK);
  REQUIRE(count == 2);
  for (const auto twin : twins) REQUIRE(session.ck.C_DestroyObject(session.handle, twin) == CKR_OK);
  CHECK(keyring->RefreshSigningKeys());
}

TEST_CASE("Root keys are made and destroyed in that order only") {
  Kit kit;
  const HsmConfig config = FreshToken();
  kit.Initialize(config);
  const auto conflict = [](const Status& status) {
    return !status && status.error().kind == ErrorKind::kConflict;
  };
  const Versions before = Held(config);
  const uint32_t newest = before.front();
  CHECK(conflict(MakeRootKey(config, newest)));
  CHECK(conflict(DestroyRootKey(config, newest)));
  CHECK(conflict(DestroyRootKey(config, newest + 1)));
  CHECK(Held(config) == before);
  REQUIRE(MakeRootKey(config, newest + 1));
  CHECK(conflict(MakeRootKey(config, newest + 1)));
  CHECK(Held(config).front() == newest + 1);
  for (int i = 0; i < 2; ++i) REQUIRE(DestroyRootKey(config, newest));
  CHECK(Held(config).front() == newest + 1);
  for (const uint32_t held : Held(config)) CHECK(held != newest);
}

namespace {

struct Killed {};

// Stands for database and nodes; notes what the rotation does, and kills it where it is told to.
class Desk final : public daemon::RootDesk {
 public:
  explicit Desk(uint32_t in_use) : in_use_{in_use, in_use} {}

  int kill_at = -1;                 // so many of before an act, after an act, during a wait are survived
  std::function<void()> meanwhile;  // during each wait
  std::vector<std::string> acts;
  std::vector<seconds> waits;
  bool completes = true;  // nodes are at work
  bool opens = true;      // every KEK

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
  daemon::Outcome<RootsInUse> InUse() override { return in_use_; }
  daemon::Outcome<std::optional<RootRotation>> Last() override { return last_; }
  daemon::Outcome<void> Begin(uint32_t version) override {
    Step();
    acts.push_back("begin " + std::to_string(version));
    last_.emplace().version = version;
    Step();
    return boost::outcome_v2::success();
  }
  daemon::Outcome<void> Resume() override {
    acts.push_back("resume");
    return boost::outcome_v2::success();
  }
  daemon::Outcome<void> ProveKeks() override {
    if (opens) return boost::outcome_v2::success();
    return daemon::Refusal{daemon::ExitCode::kIncomplete, Conflict("does not open")};
  }
  daemon::Outcome<void> Watch(uint32_t version) override {
    Step();
    in_use_.newest = version;
    if (!completes) return daemon::Refusal{daemon::ExitCode::kIncomplete, Conflict("incomplete")};
    in_use_.oldest = version;
    last_->state = api::RotationState::kDone;
    return boost::outcome_v2::success();
  }

 private:
  void Step() {
    if (kill_at-- == 0) throw Killed{};
  }
  RootsInUse in_use_;
  std::optional<RootRotation> last_;
};

struct RotationFixture {
  Kit kit;
  HsmConfig config = FreshToken();
  uint32_t first = 0;

  RotationFixture() {
    config.key_settling = seconds(30);
    kit.Initialize(config);
    first = Held(config).front();
  }
};

using Acts = std::vector<std::string>;

}  // namespace

TEST_CASE_FIXTURE(RotationFixture,
                  "A rotation makes the root, waits, begins, and leaves the old one until asked") {
  Desk desk(first);
  REQUIRE(daemon::RotateRootKey(config, desk));
  CHECK(desk.acts == Acts{"root_key.make " + RootKeyName(first + 1), "begin " + std::to_string(first + 1)});
  CHECK(desk.waits == std::vector{seconds(60)});
  CHECK(Held(config).at(0) == first + 1);
  CHECK(Held(config).at(1) == first);

  desk.acts.clear();
  REQUIRE(daemon::DestroyOldRoots(config, desk));
  CHECK(desk.acts.front() == "root_key.destroy " + RootKeyName(first));
  CHECK(Held(config) == Versions{first + 1});
  desk.acts.clear();
  REQUIRE(daemon::DestroyOldRoots(config, desk));  // nothing to do
  CHECK(desk.acts.empty());

  REQUIRE(daemon::RotateRootKey(config, desk));  // the next one
  CHECK(Held(config) == Versions{first + 2, first + 1});
  REQUIRE(daemon::DestroyOldRoots(config, desk));
}

TEST_CASE_FIXTURE(RotationFixture, "Nothing is destroyed while anything lies under it, or could come to") {
  Desk desk(first);
  REQUIRE(MakeRootKey(config, first + 1));
  const auto refused = [&] {
    const auto destroyed = daemon::DestroyOldRoots(config, desk);
    return !destroyed && destroyed.error().code == daemon::ExitCode::kIncomplete;
  };
  CHECK(refused());  // not begun
  desk.completes = false;
  CHECK(!daemon::RotateRootKey(config, desk));
  CHECK(refused());  // not complete
  Desk restored(first + 1);
  CHECK([&] {
    const auto destroyed = daemon::DestroyOldRoots(config, restored);
    return !destroyed && destroyed.error().code == daemon::ExitCode::kIncomplete;
  }());  // a node that has not found it may still write a KEK under the old one
  CHECK(Held(config).at(1) == first);
  desk.completes = true;
  desk.acts.clear();
  REQUIRE(daemon::RotateRootKey(config, desk));
  CHECK(desk.acts == Acts{"resume"});
  desk.opens = false;
  CHECK(refused());  // a row only says that it lies under the newest
  CHECK(Held(config).at(1) == first);
  desk.opens = true;
  REQUIRE(daemon::DestroyOldRoots(config, desk));
  CHECK(Held(config) == Versions{first + 1});
}

TEST_CASE_FIXTURE(RotationFixture, "A rotation that is killed anywhere is finished by the next") {
  bool killed = true;
  for (int step = 0; killed; ++step) {
    CAPTURE(step);
    const uint32_t before = Held(config).front();
    Desk desk(before);
    desk.kill_at = step;
    killed = false;
    try {
      const bool done = daemon::RotateRootKey(config, desk).has_value();
      REQUIRE(done);
    } catch (const Killed&) {
      killed = true;
    }
    desk.kill_at = -1;
    if (killed) REQUIRE(daemon::RotateRootKey(config, desk));
    CHECK(Held(config).front() == before + 1);
    REQUIRE(daemon::DestroyOldRoots(config, desk));
    CHECK(step < 20);
  }
}

TEST_CASE_FIXTURE(RotationFixture, "Two operators at once make one new root") {
  Desk one(first), other(first);
  one.meanwhile = [&] { CHECK(daemon::RotateRootKey(config, other)); };
  CHECK(daemon::RotateRootKey(config, one));
  CHECK(Held(config).front() == first + 1);
  CHECK(other.acts == Acts{"begin " + std::to_string(first + 1)});
  REQUIRE(daemon::DestroyOldRoots(config, one));
}

TEST_CASE_FIXTURE(RotationFixture, "A token that is older than the database is told from one to be rotated") {
  Desk desk(first + 1);
  const auto refused = daemon::RotateRootKey(config, desk);
  REQUIRE(!refused);
  CHECK(refused.error().code == daemon::ExitCode::kHsm);
  CHECK(refused.error().error.detail.find(RootKeyName(first + 1)) != std::string::npos);
  CHECK(desk.acts.empty());
}

TEST_CASE_FIXTURE(RotationFixture, "An HSM that fails at any step is asked again by the next rotation") {
  Faults faults;
  config = FaultyConfig();
  for (const char* rules :
       {"C_GenerateKey error CKR_DEVICE_ERROR times 1", "C_Login error CKR_DEVICE_REMOVED times 1"}) {
    CAPTURE(rules);
    const uint32_t before = Held(config).front();
    Desk desk(before);
    faults.Set(rules);
    CHECK_FALSE(daemon::RotateRootKey(config, desk));
    faults.Clear();
    REQUIRE(daemon::RotateRootKey(config, desk));
    CHECK(Held(config).front() == before + 1);
    faults.Set("C_DestroyObject error CKR_DEVICE_ERROR times 1");
    CHECK_FALSE(daemon::DestroyOldRoots(config, desk));
    faults.Clear();
    REQUIRE(daemon::DestroyOldRoots(config, desk));
    CHECK(Held(config) == Versions{before + 1});
  }
}
