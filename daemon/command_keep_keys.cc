// `clavigerd keep-keys`: the key processes as a service of their own. docs/KEY_PROCESS.md.

#include <sys/prctl.h>

#include "daemon/commands.h"
#include "daemon/hsm_access.h"
#include "daemon/key_process/keeper.h"
#include "daemon/key_process/ledger.h"
#include "daemon/sandbox/sandbox.h"
#include "daemon/service_manager.h"
#include "hsm/pin_file.h"

namespace claviger::daemon {
namespace {

// Channels may be open yet: then key processes would not end by themselves.
constexpr std::chrono::milliseconds kEndPatience{1000};

Status CheckConfig(const Config& config) {
  if (config.key_process_socket.empty()) return Invalid("hsm.key_process_socket is not set");
  if (config.key_processes == 0) return Invalid("hsm.key_processes must not be 0 for `clavigerd keep-keys`");
  if (config.hsm.module_path.empty()) return Invalid("hsm.module is not set");
  if (config.hsm.pin_file.empty()) return Invalid("hsm.pin_file is not set");
  return hsm::CheckPinFile(config.hsm.pin_file);
}

}  // namespace

Outcome<void> KeepKeyProcesses(const CommandLine& line, const Config& config) {
  Signals signals;
  ::prctl(PR_SET_NAME, "clavigerd-keep", 0, 0, 0);
  const Log log(config.log_level);
  TRYV(Stage(ExitCode::kConfig, CheckConfig(config)));
  TRY(const Account peer, Stage(ExitCode::kConfig, KeyProcessPeer(config)));
  TRY(const int ledger, Stage(ExitCode::kInternal, Ledger::Make()));
  TRY(const Channel listener, Stage(ExitCode::kListen, ListenForChannels(config.key_process_socket)));
  ServiceManager().Ready();
  const Sandbox sandbox(config.sandbox, PlanOfKeeper(config), log);
  TRYV(Stage(ExitCode::kProtection, sandbox.Enter()));
  TRYV(Stage(ExitCode::kProtection, sandbox.Shut()));
  Nursery nursery(ledger, KeyProcessWords(line));
  Keeper({peer, config.key_processes}, listener, nursery, log).Serve(signals);
  nursery.EndAll(kEndPatience);
  return boost::outcome_v2::success();
}

}  // namespace claviger::daemon
