// `clavigerd rotate token-key` and `clavigerd rotate audit-key`.

#include "daemon/commands.h"
#include "daemon/key_rotation.h"
#include "daemon/operator_desk.h"
#include "hsm/pin_file.h"

namespace claviger::daemon {
namespace {

using std::chrono::seconds;

class DatabaseDesk final : public RotationDesk {
 public:
  explicit DatabaseDesk(const Config& config) : desk_(config) {}

  Outcome<void> Act(const std::string& action, const std::string& key,
                    const std::function<Status()>& act) override {
    return desk_.Act(action, key, act);
  }
  void Wait(seconds time, const std::string& until) override { desk_.Wait(time, until); }
  void Tell(const std::string& line) override { desk_.Tell(line); }

  Outcome<bool> Seals(const crypto::PublicKey& key) override { return desk_.Seals(key); }

 private:
  OperatorDesk desk_;
};

using Procedure = Outcome<void> (*)(const hsm::HsmConfig&, RotationDesk&);

Outcome<void> Rotate(const Config& config, Procedure procedure) {
  TRYV(RefuseDuringMove(config));
  TRYV(Stage(ExitCode::kConfig, hsm::CheckPinFile(config.hsm.pin_file)));
  DatabaseDesk desk(config);
  TRYV(procedure(config.hsm, desk));
  desk.Tell("done");
  return boost::outcome_v2::success();
}

}  // namespace

Outcome<void> RotateTokenKey(const CommandLine&, const Config& config) {
  return Rotate(config, RotateTokenKey);
}

Outcome<void> RotateAuditKey(const CommandLine&, const Config& config) {
  return Rotate(config, RotateAuditKey);
}

}  // namespace claviger::daemon
