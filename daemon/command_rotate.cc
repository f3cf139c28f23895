// `clavigerd rotate token-key` and `clavigerd rotate audit-key`.

#include <thread>

#include "api/audit/link_store.h"
#include "crypto/audit_merkle.h"
#include "daemon/commands.h"
#include "daemon/key_rotation.h"
#include "daemon/operator_desk.h"
#include "daemon/operator_record.h"
#include "hsm/pin_file.h"

namespace claviger::daemon {
namespace {

using std::chrono::seconds;

constexpr seconds kLinkerInterval{2};  // and some patience

class DatabaseDesk final : public RotationDesk {
 public:
  explicit DatabaseDesk(const Config& config) : desk_(config) {}

  Outcome<void> Act(const std::string& action, const std::string& key,
                    const std::function<Status()>& act) override {
    return desk_.Act(action, key, act);
  }
  void Wait(seconds time, const std::string& until) override { desk_.Wait(time, until); }
  void Tell(const std::string& line) override { desk_.Tell(line); }

  // A checkpoint names the next key only if it has more records than organisations, hence two at once; and a
  // further one is needed that the next key can seal. The signature tells: somebody else may have written the
  // row, to have the key destroyed whose turn it still is.
  Outcome<bool> Seals(const crypto::PublicKey& key) override {
    TRY(auto connection, desk_.Connect());
    TRYV(
        Stage(ExitCode::kDatabase, RecordOperatorAct(*connection, "audit_key.await", {{"key", key.kid}}, 2)));
    std::this_thread::sleep_for(kLinkerInterval);
    TRY(const auto last, Stage(ExitCode::kDatabase, api::link_store::LoadLastCheckpoint(*connection)));
    return last && crypto::IsSignedBy({key}, *last);
  }

 private:
  OperatorDesk desk_;
};

using Procedure = Outcome<void> (*)(const hsm::HsmConfig&, RotationDesk&);

Outcome<void> Rotate(const Config& config, Procedure procedure) {
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
