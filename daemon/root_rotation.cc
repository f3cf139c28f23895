#include "daemon/root_rotation.h"

#include <fmt/format.h>

#include "hsm/key_ceremony.h"

namespace claviger::daemon {
namespace {

using api::RotationState;

class Rotation {
 public:
  Rotation(const hsm::HsmConfig& config, RootDesk& desk) : config_(config), desk_(desk) {}

  Outcome<void> Look() {
    TRY(roots_, Stage(ExitCode::kHsm, hsm::ListRootKeys(config_)));
    TRY(in_use_, desk_.InUse());
    TRY(last_, desk_.Last());
    if (in_use_.newest > Newest()) {
      return Refusal{ExitCode::kHsm,
                     Conflict(fmt::format("keys of the database lie under {}, which the token "
                                          "does not hold: it is older than the database",
                                          hsm::RootKeyName(in_use_.newest)))};
    }
    return boost::outcome_v2::success();
  }

  // The version that all is to lie under.
  Outcome<uint32_t> Introduce() {
    if (in_use_.oldest < Newest() || Unfinished()) {
      desk_.Tell(fmt::format("{} is there already: going on with its rotation", hsm::RootKeyName(Newest())));
      return Newest();
    }
    const uint32_t version = Newest() + 1;
    const std::string name = hsm::RootKeyName(version);
    TRYV(desk_.Act("root_key.make", name, [&] { return hsm::MakeRootKey(config_, version); }));
    desk_.Tell(fmt::format("{} is made", name));
    return version;
  }

  Outcome<void> Begin(uint32_t version) {
    if (last_ && last_->version == version) return desk_.Resume();
    // A node may find the new root as late as half a settling after it was made.
    desk_.Wait(std::chrono::ceil<std::chrono::seconds>(2 * config_.key_settling),
               fmt::format("every node has found {}", hsm::RootKeyName(version)));
    return desk_.Begin(version);
  }

  // Tells what may be destroyed; nothing if `version` alone is there.
  std::vector<uint32_t> Older() const { return {roots_.begin() + 1, roots_.end()}; }
  uint32_t Newest() const { return roots_.front(); }
  // The rotation that led to the newest root is done: nobody can write a key under another any more.
  bool Complete() const {
    return last_ && last_->version == Newest() && last_->state == RotationState::kDone &&
           in_use_.oldest == Newest();
  }

 private:
  bool Unfinished() const {
    return last_ && last_->version == Newest() && last_->state != RotationState::kDone;
  }

  const hsm::HsmConfig& config_;
  RootDesk& desk_;
  std::vector<uint32_t> roots_;
  RootDesk::RootsInUse in_use_;
  std::optional<RootDesk::RootRotation> last_;
};

}  // namespace

Outcome<void> RotateRootKey(const hsm::HsmConfig& config, RootDesk& desk) {
  Rotation rotation(config, desk);
  TRYV(rotation.Look());
  TRY(const uint32_t version, rotation.Introduce());
  TRYV(rotation.Begin(version));
  TRYV(desk.Watch(version));
  desk.Tell(
      fmt::format("everything lies under {}. Back up the token. Older root keys stay on it, for backups of "
                  "the database from before, until `clavigerd rotate root-key destroy-old`",
                  hsm::RootKeyName(version)));
  return boost::outcome_v2::success();
}

Outcome<void> DestroyOldRoots(const hsm::HsmConfig& config, RootDesk& desk) {
  Rotation rotation(config, desk);
  TRYV(rotation.Look());
  const std::string newest = hsm::RootKeyName(rotation.Newest());
  if (rotation.Older().empty()) {
    desk.Tell(fmt::format("there is no root key older than {}", newest));
    return boost::outcome_v2::success();
  }
  if (!rotation.Complete()) {
    return Refusal{ExitCode::kIncomplete,
                   Conflict(fmt::format(
                       "not everything lies under {} yet: run `clavigerd rotate root-key` first", newest))};
  }
  TRYV(desk.ProveKeks());
  for (const uint32_t version : rotation.Older()) {
    const std::string name = hsm::RootKeyName(version);
    TRYV(desk.Act("root_key.destroy", name, [&] { return hsm::DestroyRootKey(config, version); }));
    desk.Tell(
        fmt::format("{} is destroyed: backups of the database from before the rotation open no more", name));
  }
  return boost::outcome_v2::success();
}

}  // namespace claviger::daemon
