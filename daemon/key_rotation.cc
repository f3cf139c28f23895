#include "daemon/key_rotation.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

#include "hsm/key_ceremony.h"

namespace claviger::daemon {
namespace {

using crypto::SigningKey;
using Keys = std::vector<hsm::HeldKey>;

constexpr int kSealPatience = 60;  // each of some two seconds

const std::string& Name(const hsm::HeldKey& key) { return key.published.kid; }

std::string Names(const Keys& keys) {
  std::vector<std::string> names;
  std::transform(keys.begin(), keys.end(), std::back_inserter(names), Name);
  return fmt::format("{}", fmt::join(names, " and "));
}

Keys Those(const Keys& keys, const std::function<bool(const hsm::HeldKey&)>& fit) {
  Keys those;
  std::copy_if(keys.begin(), keys.end(), std::back_inserter(those), fit);
  return those;
}

bool CanSign(const hsm::HeldKey& key) { return key.can_sign; }

// The newest that can sign.
hsm::HeldKey Newest(const Keys& keys) { return *std::find_if(keys.begin(), keys.end(), CanSign); }

// All that comes before it. A newer key that cannot sign was never finished, and is no rotation begun.
Keys Older(const Keys& keys) {
  const auto newest = Newest(keys).version;
  return Those(keys, [&](const hsm::HeldKey& key) { return key.version < newest; });
}

class Rotation {
 public:
  Rotation(SigningKey which, const hsm::HsmConfig& config, RotationDesk& desk)
      : which_(which), config_(config), desk_(desk) {}

  Outcome<void> Introduce() {
    TRY(const auto keys, Look());
    if (!Unfinished(keys).empty()) {
      desk_.Tell(fmt::format("{} is there already: going on with its rotation", Name(Newest(keys))));
      return boost::outcome_v2::success();
    }
    const uint32_t version = keys.front().version + 1;
    const std::string name = hsm::SigningKeyName(which_, version);
    TRYV(desk_.Act(Action("make"), name, [&] { return hsm::MakeSigningKey(config_, which_, version); }));
    desk_.Tell(fmt::format("{} is made", name));
    return boost::outcome_v2::success();
  }

  Outcome<void> Withdraw() {
    TRY(const auto keys, Look());
    const Keys old = Those(Older(keys), CanSign);
    if (old.empty()) return boost::outcome_v2::success();
    // A node may have seen the new key as late as half a settling after it was made.
    const auto wait = std::chrono::ceil<std::chrono::seconds>(2 * config_.key_settling);
    desk_.Wait(wait,
               fmt::format("every node {} {}", OfTokens() ? "signs with" : "knows", Name(Newest(keys))));
    // Which key seals the log itself says, and says it only while somebody seals.
    if (!OfTokens()) {
      TRYV(AwaitSeal(Newest(keys)));
    }
    return ForEach(old, "withdraw", hsm::WithdrawSigningKey, "signs nothing any more");
  }

  Outcome<void> Remove() {
    TRY(const auto keys, Look());
    const Keys old = Those(keys, [](const hsm::HeldKey& key) { return !key.can_sign; });
    if (old.empty()) return boost::outcome_v2::success();
    desk_.Wait(kTokenOverlap, fmt::format("every token of {} has expired", Names(old)));
    return ForEach(old, "remove", hsm::RemoveSigningKey, "is gone");
  }

 private:
  using Change = Status (*)(const hsm::HsmConfig&, SigningKey, uint32_t);

  bool OfTokens() const { return which_ == SigningKey::kToken; }
  std::string Action(std::string_view act) const {
    return fmt::format("{}_key.{}", OfTokens() ? "token" : "audit", act);
  }

  Outcome<Keys> Look() { return Stage(ExitCode::kHsm, hsm::ListSigningKeys(config_, which_)); }

  // What a rotation has still to end. Public halves of audit keys stay.
  Keys Unfinished(const Keys& keys) const { return OfTokens() ? Older(keys) : Those(Older(keys), CanSign); }

  Outcome<void> AwaitSeal(const hsm::HeldKey& key) {
    desk_.Tell(
        fmt::format("waiting until {} has sealed the log; may be interrupted and begun again", Name(key)));
    for (int attempt = 0; attempt < kSealPatience; ++attempt) {
      TRY(const bool seals, desk_.Seals(key.published));
      if (seals) return boost::outcome_v2::success();
    }
    return Refusal{ExitCode::kHsm, MakeError(ErrorKind::kUnavailable, Name(key) + " has sealed nothing yet",
                                             "no node is at work, or none has found the key")};
  }

  Outcome<void> ForEach(const Keys& keys, std::string_view act, Change change, std::string_view done) {
    for (const hsm::HeldKey& key : keys) {
      TRYV(desk_.Act(Action(act), Name(key), [&] { return change(config_, which_, key.version); }));
      desk_.Tell(fmt::format("{} {}", Name(key), done));
    }
    return boost::outcome_v2::success();
  }

  const SigningKey which_;
  const hsm::HsmConfig& config_;
  RotationDesk& desk_;
};

}  // namespace

Outcome<void> RotateTokenKey(const hsm::HsmConfig& config, RotationDesk& desk) {
  Rotation rotation(SigningKey::kToken, config, desk);
  TRYV(rotation.Introduce());
  TRYV(rotation.Withdraw());
  return rotation.Remove();
}

Outcome<void> RotateAuditKey(const hsm::HsmConfig& config, RotationDesk& desk) {
  Rotation rotation(SigningKey::kAudit, config, desk);
  TRYV(rotation.Introduce());
  return rotation.Withdraw();
}

}  // namespace claviger::daemon
