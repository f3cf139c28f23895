#include "daemon/token_key_rotation.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

#include "hsm/key_ceremony.h"

namespace claviger::daemon {
namespace {

using Keys = std::vector<hsm::HeldKey>;
constexpr auto kToken = crypto::SigningKey::kToken;

std::string Name(const hsm::HeldKey& key) { return hsm::SigningKeyName(kToken, key.version); }

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
  Rotation(const hsm::HsmConfig& config, RotationDesk& desk) : config_(config), desk_(desk) {}

  Outcome<void> Introduce() {
    TRY(const auto keys, Look());
    if (!Older(keys).empty()) {
      desk_.Tell(fmt::format("{} is there already: going on with its rotation", Name(Newest(keys))));
      return boost::outcome_v2::success();
    }
    const uint32_t version = keys.front().version + 1;
    const std::string name = hsm::SigningKeyName(kToken, version);
    TRYV(desk_.Act("token_key.make", name, [&] { return hsm::MakeSigningKey(config_, kToken, version); }));
    desk_.Tell(fmt::format("{} is made", name));
    return boost::outcome_v2::success();
  }

  Outcome<void> Withdraw() {
    TRY(const auto keys, Look());
    const Keys old = Those(Older(keys), CanSign);
    if (old.empty()) return boost::outcome_v2::success();
    // A node may have seen the new key as late as half a settling after it was made.
    const auto wait = std::chrono::ceil<std::chrono::seconds>(2 * config_.key_settling);
    desk_.Wait(wait, fmt::format("every node signs with {}", Name(Newest(keys))));
    return ForEach(old, "token_key.withdraw", hsm::WithdrawSigningKey, "signs nothing any more");
  }

  Outcome<void> Remove() {
    TRY(const auto keys, Look());
    const Keys old = Those(keys, [](const hsm::HeldKey& key) { return !key.can_sign; });
    if (old.empty()) return boost::outcome_v2::success();
    desk_.Wait(kTokenOverlap, fmt::format("every token of {} has expired", Names(old)));
    return ForEach(old, "token_key.remove", hsm::RemoveSigningKey, "is gone");
  }

 private:
  using Change = Status (*)(const hsm::HsmConfig&, crypto::SigningKey, uint32_t);

  Outcome<Keys> Look() { return Stage(ExitCode::kHsm, hsm::ListSigningKeys(config_, kToken)); }

  Outcome<void> ForEach(const Keys& keys, const std::string& action, Change change, std::string_view done) {
    for (const hsm::HeldKey& key : keys) {
      TRYV(desk_.Act(action, Name(key), [&] { return change(config_, kToken, key.version); }));
      desk_.Tell(fmt::format("{} {}", Name(key), done));
    }
    return boost::outcome_v2::success();
  }

  const hsm::HsmConfig& config_;
  RotationDesk& desk_;
};

}  // namespace

Outcome<void> RotateTokenKey(const hsm::HsmConfig& config, RotationDesk& desk) {
  Rotation rotation(config, desk);
  TRYV(rotation.Introduce());
  TRYV(rotation.Withdraw());
  return rotation.Remove();
}

}  // namespace claviger::daemon
