// `clavigerd rotate root-key` and what belongs to it.

#include "daemon/commands.h"
#include "daemon/root_desk.h"
#include "hsm/pin_file.h"

namespace claviger::daemon {
namespace {

using Procedure = Outcome<void> (*)(const hsm::HsmConfig&, RootDesk&);

Outcome<void> AtDesk(const Config& config, Procedure procedure) {
  TRYV(RefuseDuringMove(config));
  TRYV(Stage(ExitCode::kConfig, hsm::CheckPinFile(config.hsm.pin_file)));
  return procedure(config.hsm, *MakeRootDesk(config));
}

}  // namespace

Outcome<void> RotateRootKey(const CommandLine&, const Config& config) {
  return AtDesk(config, RotateRootKey);
}

Outcome<void> DestroyOldRoots(const CommandLine&, const Config& config) {
  return AtDesk(config, DestroyOldRoots);
}

Outcome<void> PauseRootRotation(const CommandLine&, const Config& config) {
  OperatorDesk desk(config);
  TRY(const bool paused, PauseRotation(desk));
  desk.Tell(paused ? "paused until `clavigerd rotate root-key`. Rotations of vaults that it has started go on"
                   : "there is no rotation of the root key to pause");
  return boost::outcome_v2::success();
}

Outcome<void> ShowRootRotation(const CommandLine&, const Config& config) {
  OperatorDesk desk(config);
  return TellRotation(desk);
}

}  // namespace claviger::daemon
