#include "daemon/hsm_access.h"

#include "daemon/key_process/connected_starter.h"
#include "daemon/sandbox/sandbox.h"
#include "hsm/pkcs11_keyring.h"

namespace claviger::daemon {
namespace {

// Linker, rotations, mail, handshakes and the other threads of their own.
constexpr uint32_t kOtherThreads = 24;
// Beyond the time limit of the calls that they wait for.
constexpr std::chrono::seconds kEndPatience{10};

}  // namespace

std::vector<std::string> KeyProcessWords(const CommandLine& line) {
  std::vector<std::string> words{"key-process", "--config", line.config_file};
  if (line.allow_root) words.emplace_back("--allow-root");
  words.insert(words.end(), line.config_flags.begin(), line.config_flags.end());
  return words;
}

Result<Account> KeyProcessPeer(const Config& config) {
  if (config.key_process_peer.empty()) return Account::Own();
  return Account::Named(config.key_process_peer);
}

uint32_t MaxKeyRequests(const Config& config) {
  return 2 * (config.workers + config.batchers + config.hashers + config.cmek_rotations + kOtherThreads);
}

Result<std::unique_ptr<Starter>> MakeStarter(const CommandLine& line, const Config& config) {
  if (config.key_processes == 0) return nullptr;
  if (!config.key_process_socket.empty()) {
    TRY(const Account peer, KeyProcessPeer(config));
    return std::make_unique<ConnectedStarter>(config.key_process_socket, peer);
  }
  const auto confine = [&config]() -> Status {
    const Log log(config.log_level);
    const Sandbox sandbox(config.sandbox, PlanOfStarter(config), log);
    Status confined = sandbox.Enter();
    if (confined) confined = sandbox.Shut();
    if (!confined) log.Failure("key processes cannot be started", confined.error());
    return confined;
  };
  return ForkedStarter::Fork(KeyProcessWords(line), config.hsm.operation_timeout + kEndPatience, confine);
}

Status HsmAccess::Open() {
  if (starter_ == nullptr) {
    TRY(own_, hsm::OpenKeyring(config_.hsm, parts_.clock, parts_.random, parts_.log));
    return Ok();
  }
  if (!remote_) {
    remote_ = std::make_unique<RemoteKeyring>(
        RemoteKeyring::Config{config_.key_processes, config_.hsm.operation_timeout, MaxKeyRequests(config_)},
        *starter_, parts_.clock, parts_.log);
  }
  TRYV(remote_->Start());
  remote_->Watch();
  return Ok();
}

crypto::Keyring& HsmAccess::keyring() {
  if (remote_) return *remote_;
  return *own_;
}

crypto::CustomerTokens& HsmAccess::customer_tokens() {
  if (remote_) return *remote_;
  return own_->tokens();
}

std::vector<api::KeyProcessReport> HsmAccess::KeyProcesses() const {
  return remote_ ? remote_->Report() : std::vector<api::KeyProcessReport>();
}

}  // namespace claviger::daemon
