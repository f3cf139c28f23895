#include "daemon/hsm_access.h"

#include <utility>

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

namespace {

Result<std::unique_ptr<Starter>> MakeStarter(std::vector<std::string> words, const Config& config) {
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
  return ForkedStarter::Fork(std::move(words), config.hsm.operation_timeout + kEndPatience, confine);
}

}  // namespace

std::vector<pid_t> Starters::processes() const {
  std::vector<pid_t> children;
  for (const Starter* starter : {token.get(), next.get()}) {
    if (starter != nullptr && starter->process() != 0) children.push_back(starter->process());
  }
  return children;
}

Result<Starters> MakeStarters(const CommandLine& line, const Config& config) {
  Starters starters;
  if (config.key_processes == 0) return starters;
  const auto words = KeyProcessWords(line);
  TRY(starters.token, MakeStarter(words, config));
  if (!config.Moves()) return starters;
  auto of_next = words;
  of_next.insert(of_next.begin() + 1, "--of-next-token");
  TRY(starters.next, MakeStarter(std::move(of_next), AtNextToken(config)));
  return starters;
}

Status HsmAccess::Open() {
  if (starters_.token == nullptr) {
    TRY(own_, hsm::OpenKeyring(config_.hsm, parts_.clock, parts_.random, parts_.log));
    return Ok();
  }
  const RemoteKeyring::Config remote{config_.key_processes, config_.hsm.operation_timeout,
                                     MaxKeyRequests(config_)};
  if (!remote_) {
    remote_ = std::make_unique<RemoteKeyring>(remote, *starters_.token, parts_.clock, parts_.log);
  }
  TRYV(remote_->Start());
  if (starters_.next && !next_) {
    next_ = std::make_unique<RemoteKeyring>(remote, *starters_.next, parts_.clock, parts_.log);
  }
  if (next_) {
    TRYV(next_->Start());
  }
  if (!std::exchange(watching_, true)) {
    remote_->Watch();
    if (next_) next_->Watch();
  }
  return next_ ? Join() : Status(Ok());
}

Status HsmAccess::Join() {
  auto moving =
      std::make_unique<crypto::MovingKeyring>(*remote_, *next_, config_.hsm.key_settling, parts_.clock);
  TRYV(moving->Start());
  moving_ = std::move(moving);
  moving_tokens_ = std::make_unique<crypto::MovingTokens>(*remote_, *next_, *moving_);
  return Ok();
}

crypto::Keyring& HsmAccess::keyring() {
  if (moving_) return *moving_;
  if (remote_) return *remote_;
  return *own_;
}

crypto::CustomerTokens& HsmAccess::customer_tokens() {
  if (moving_tokens_) return *moving_tokens_;
  if (remote_) return *remote_;
  return own_->tokens();
}

std::vector<api::KeyProcessReport> HsmAccess::KeyProcesses() const {
  auto reports = remote_ ? remote_->Report() : std::vector<api::KeyProcessReport>();
  if (!next_) return reports;
  for (auto report : next_->Report()) {
    report.seat += config_.key_processes;
    reports.push_back(report);
  }
  return reports;
}

}  // namespace claviger::daemon
