// The move of an installation from one token to another, step by step.

#include "daemon/rekey.h"

#include <doctest/doctest.h>

#include "tests/hsm/another_token.h"
#include "tests/hsm/backend.h"

using namespace claviger;
using namespace claviger::hsm;
using namespace claviger::hsm::tests;
using crypto::SigningKey;
using daemon::ExitCode;
using std::chrono::seconds;

namespace {

struct Killed {};
using Acts = std::vector<std::string>;

// Stands for database and nodes; notes what the move does, and kills it where it is told to.
class Desk final : public daemon::RootDesk, public daemon::RekeyDesk {
 public:
  explicit Desk(uint32_t in_use) : in_use_{in_use, in_use} {}

  int kill_at = -1;  // so many of before an act, after an act, during a wait are survived
  Acts acts;
  std::vector<seconds> waits;
  Acts told;
  bool completes = true;  // nodes are at work
  int sealed_after = 1;   // so many looks; negative: never
  bool opens = true;      // everything, with the next token alone
  int proofs = 0;
  std::vector<std::string> under_older;
  std::optional<crypto::PublicKey> certified;
  std::optional<RootRotation> last;

  daemon::Outcome<void> Act(const std::string& action, const std::string& key,
                            const std::function<Status()>& act) override {
    Step();
    acts.push_back(action + ' ' + key);
    TRYV(daemon::Stage(ExitCode::kHsm, act()));
    Step();
    return boost::outcome_v2::success();
  }
  void Wait(seconds time, const std::string&) override {
    waits.push_back(time);
    Step();
  }
  void Tell(const std::string& line) override { told.push_back(line); }
  daemon::Outcome<RootsInUse> InUse() override { return in_use_; }
  daemon::Outcome<std::optional<RootRotation>> Last() override { return last; }
  daemon::Outcome<void> Begin(uint32_t version) override {
    Step();
    acts.push_back("begin " + std::to_string(version));
    last.emplace().version = version;
    Step();
    return boost::outcome_v2::success();
  }
  daemon::Outcome<void> Resume() override { return boost::outcome_v2::success(); }
  daemon::Outcome<void> ProveKeks() override { return boost::outcome_v2::success(); }
  daemon::Outcome<void> Watch(uint32_t version) override {
    Step();
    if (!last || last->version != version) return daemon::Refusal{ExitCode::kDatabase, Conflict("gone")};
    in_use_.newest = version;
    if (!completes) return daemon::Refusal{ExitCode::kIncomplete, Conflict("incomplete")};
    in_use_.oldest = version;
    last->state = api::RotationState::kDone;
    return boost::outcome_v2::success();
  }
  daemon::Outcome<bool> Seals(const crypto::PublicKey& key) override {
    Step();
    acts.push_back("seals " + key.kid);
    return sealed_after-- == 0;
  }
  daemon::Outcome<void> Prove() override {
    Step();
    ++proofs;
    if (opens) return boost::outcome_v2::success();
    return daemon::Refusal{ExitCode::kUnverified, IntegrityFailure("does not open")};
  }
  daemon::Outcome<std::optional<crypto::PublicKey>> CertifiedKey() override { return certified; }
  daemon::Outcome<std::vector<std::string>> UnderOlderLookup(uint32_t) override { return under_older; }

 private:
  void Step() {
    if (kill_at-- == 0) throw Killed{};
  }
  RootsInUse in_use_;
};

struct Fixture {
  Kit kit;
  HsmConfig old = FreshToken();
  HsmConfig next = AnotherToken();
  uint32_t root = 0;

  Fixture() {
    old.key_settling = seconds(30);
    kit.Initialize(old);
    root = ListRootKeys(old).value().front();
  }
  daemon::Outcome<void> Run(Desk& desk, bool nodes_ready = true, bool drop_unused = false) {
    return daemon::Rekey({old, next, nodes_ready, drop_unused}, desk, desk);
  }
  // Where it ends, and how.
  ExitCode Ends(Desk& desk, bool nodes_ready = true, bool drop_unused = false) {
    const auto outcome = Run(desk, nodes_ready, drop_unused);
    return outcome ? ExitCode::kOk : outcome.error().code;
  }
  std::string Standing(Desk& desk) {
    desk.told.clear();
    REQUIRE(daemon::TellRekey({old, next}, desk, desk));
    return desk.told.front();
  }
  crypto::PublicKey KeyOf(const HsmConfig& config, SigningKey which) {
    const auto keys = ListSigningKeys(config, which).value();
    return std::find_if(keys.begin(), keys.end(), [](const HeldKey& key) { return key.can_sign; })->published;
  }
  bool OldShowsTheMark() {
    const auto mark = KeyOf(next, SigningKey::kAudit);
    const auto held = ListKeys(old).value().audit;
    return std::any_of(held.begin(), held.end(), [&](const HeldKey& key) { return key.published == mark; });
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "A move makes keys, waits to be told of the nodes, marks, begins, and proves") {
  Desk desk(root);
  CHECK(Standing(desk).find("lacks keys") != std::string::npos);
  CHECK(Ends(desk, false) == ExitCode::kIncomplete);
  CHECK(desk.acts == Acts{"rekey.make " + RootKeyName(root + 1)});
  CHECK(!OldShowsTheMark());
  CHECK(Standing(desk).find("are made") != std::string::npos);
  CHECK(Ends(desk, false) == ExitCode::kIncomplete);  // nothing more
  CHECK(desk.acts.size() == 1);

  desk.acts.clear();
  CHECK(Ends(desk) == ExitCode::kOk);
  const std::string audit = KeyOf(next, SigningKey::kAudit).kid;
  CHECK(desk.acts == Acts{"rekey.begin " + audit, "begin " + std::to_string(root + 1), "seals " + audit,
                          "seals " + audit, "rekey.complete " + RootKeyName(root + 1)});
  CHECK(desk.waits == std::vector{seconds(60)});
  CHECK(OldShowsTheMark());
  CHECK(desk.proofs == 1);
  CHECK(Standing(desk).find("proves it") != std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "A move that is killed anywhere is finished by the next") {
  bool killed = true;
  for (int step = 0; killed; ++step) {
    CAPTURE(step);
    next = AnotherToken();
    Desk desk(root);
    desk.kill_at = step;
    killed = false;
    try {
      const auto end = Ends(desk);
      CHECK(end == ExitCode::kOk);
    } catch (const Killed&) {
      killed = true;
    }
    desk.kill_at = -1;
    desk.sealed_after = 0;
    if (killed) CHECK(Ends(desk) == ExitCode::kOk);
    CHECK(OldShowsTheMark());
    CHECK(ListRootKeys(next).value() == std::vector{root + 1});
    CHECK(desk.proofs >= 1);
    CHECK(step < 30);
  }
}

TEST_CASE_FIXTURE(
    Fixture, "The token in use, one of another installation, and one older than the database are refused") {
  Desk desk(root);
  const HsmConfig other = next;
  next = old;
  CHECK(Ends(desk) == ExitCode::kConfig);
  next = other;
  kit.Initialize(next);
  CHECK(Ends(desk) == ExitCode::kHsm);
  next = AnotherToken();
  Desk later(root + 5);
  CHECK(Ends(later) == ExitCode::kHsm);
  CHECK(desk.acts.empty());
  CHECK(later.acts.empty());
}

TEST_CASE_FIXTURE(Fixture, "Another rotation of the root is let end first") {
  Desk desk(root);
  desk.last.emplace().version = root;
  desk.last->state = api::RotationState::kRunning;
  CHECK(Ends(desk) == ExitCode::kIncomplete);
  CHECK(desk.acts.empty());
  desk.last->state = api::RotationState::kDone;
  CHECK(Ends(desk) == ExitCode::kOk);
}

TEST_CASE_FIXTURE(Fixture, "It is not complete while anything needs the old token") {
  Desk desk(root);
  desk.completes = false;
  CHECK(Ends(desk) == ExitCode::kIncomplete);
  CHECK(Standing(desk).find("comes to lie") != std::string::npos);
  desk.completes = true;
  desk.opens = false;
  CHECK(Ends(desk) == ExitCode::kUnverified);
  desk.opens = true;
  desk.sealed_after = 0;
  desk.certified = KeyOf(old, SigningKey::kTls);
  CHECK(Ends(desk) == ExitCode::kIncomplete);
  desk.sealed_after = 0;
  desk.certified = KeyOf(next, SigningKey::kTls);
  desk.under_older = {"3 API keys"};
  CHECK(Ends(desk) == ExitCode::kIncomplete);
  CHECK(desk.told.back().find("3 API keys") != std::string::npos);
  CHECK(desk.acts.back().find("rekey.complete") == std::string::npos);
  desk.sealed_after = 0;
  CHECK(Ends(desk, false, true) == ExitCode::kOk);  // told once that the nodes are ready
  CHECK(desk.acts.back() == "rekey.complete " + RootKeyName(root + 1));
}
