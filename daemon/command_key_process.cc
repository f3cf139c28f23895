// `clavigerd key-process`: what `clavigerd run` starts to hold the keys. docs/KEY_PROCESS.md.

#include <sys/prctl.h>

#include "crypto/random.h"
#include "daemon/commands.h"
#include "daemon/hsm_access.h"
#include "daemon/key_process/build_id.h"
#include "daemon/key_process/key_server.h"
#include "daemon/key_process/ledger.h"
#include "daemon/key_process/nursery.h"
#include "daemon/protection.h"
#include "daemon/sandbox/sandbox.h"
#include "daemon/signals.h"
#include "hsm/pkcs11_keyring.h"

namespace claviger::daemon {
namespace {

// Of an answer that the API process does not take.
constexpr std::chrono::milliseconds kSendTakes{5000};

Status Answer(const Config& config, Channel& channel, KeyService& service, const crypto::Keyring& keyring,
              const Log& log) {
  TRYV(channel.Send(MakeHealth(keyring.Health()).View()));
  TRYV(channel.Send(MakeReady().View()));
  KeyServer(channel, service, MaxKeyRequests(config), log).Serve();
  return Ok();
}

// A process that takes another's place must not find another token under its name.
Status CheckToken(crypto::Keyring& keyring, Ledger& ledger) {
  TRY(const auto mac, keyring.Mac(AsBytes("claviger/ledger/1")));
  if (!ledger.Recognises(mac.bytes)) return Unavailable("the token holds other keys than before");
  return Ok();
}

// Modules say little about why they fail. Those that keep their tokens in files fail so where nobody has
// named these.
Error WithHint(Error error, const Config& config) {
  const bool may_be_that = config.sandbox == SandboxMode::kEnforce && config.module_write_paths.empty();
  if (may_be_that && error.kind == ErrorKind::kUnavailable) {
    error.cause += "; hsm.write_path is not set: the module may write nowhere";
  }
  return error;
}

Status Serve(const Config& config, Channel& channel, const Log& log) {
  TRYV(LockMemory(config.memory_lock, log));
  TRY(const auto ledger, Ledger::Open(kLedgerDescriptor, config.key_processes));
  const Sandbox sandbox(config.sandbox, PlanOfKeyProcess(config), log);
  TRYV(sandbox.Enter());
  Pulse pulse(channel);
  const SystemClock clock;
  crypto::SystemRandom random;  // before the PKCS#11 module is loaded
  hsm::HsmConfig hsm_config = config.hsm;
  hsm_config.login_guard = ledger.get();
  const auto opened = hsm::OpenKeyring(hsm_config, clock, random, log);
  if (!opened) return WithHint(opened.error(), config);
  const auto& keyring = opened.value();
  TRYV(CheckToken(*keyring, *ledger));
  KeyService service(config.issuer, {*keyring, keyring->tokens(), *ledger, clock, log});
  TRYV(sandbox.Shut());
  pulse.Watch(keyring.get());
  const Status answered = Answer(config, channel, service, *keyring, log);
  pulse.Watch(nullptr);
  return answered;
}

}  // namespace

Outcome<void> KeepKeys(const CommandLine& line, const Config& configured) {
  const Config config = line.of_next_token ? AtNextToken(configured) : configured;
  Channel channel(kChannelDescriptor);
  TRY(const Account peer, Stage(ExitCode::kConfig, KeyProcessPeer(config)));
  TRYV(Stage(ExitCode::kUsage, channel.CheckPeer(peer)));
  ::prctl(PR_SET_NAME, "clavigerd-keys", 0, 0, 0);
  const Signals signals;  // never taken: it ends with its channel
  const Log log(config.log_level);
  TRYV(Stage(ExitCode::kInternal, channel.LimitWaits(kSendTakes)));
  TRYV(Stage(ExitCode::kInternal, channel.Send(MakeHello(BuildId()).View())));
  const Status served = Serve(config, channel, log);
  // Whoever started it tells people; if it is gone, nobody is there to be told.
  if (!served) (void)channel.Send(MakeRefused(served.error()).View());
  return boost::outcome_v2::success();
}

}  // namespace claviger::daemon
