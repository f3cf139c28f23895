#pragma once
// The daemon's way to its keys: through key processes, or with hsm.key_processes = 0 in this one.

#include <memory>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "crypto/customer_keyring.h"
#include "crypto/moving_keyring.h"
#include "daemon/command_line.h"
#include "daemon/config.h"
#include "daemon/key_process/remote_keyring.h"
#include "daemon/key_process/starter.h"

namespace claviger::daemon {

// Those of the token's key processes, and while the installation moves, of the next token's: what a process
// knows, and what its ledger holds, is of one token.
struct Starters {
  std::unique_ptr<Starter> token;  // null for hsm.key_processes = 0
  std::unique_ptr<Starter> next;   // null if it does not move

  // Children of this process.
  std::vector<pid_t> processes() const;
  // One that can start no key process any more.
  bool AnyGone() const { return (token && token->Gone()) || (next && next->Gone()); }
};
// Forks, unless key processes are a service of their own: only before any thread starts and anything is
// opened.
Result<Starters> MakeStarters(const CommandLine& line, const Config& config);

// The command line of a key process, without the program's name.
std::vector<std::string> KeyProcessWords(const CommandLine& line);

// Who is at the other end of a channel.
Result<Account> KeyProcessPeer(const Config& config);

class HsmAccess {
 public:
  struct Parts {
    const Clock& clock;
    Random& random;
    const Log& log;
  };
  HsmAccess(const Config& config, const Starters& starters, const Parts& parts)
      : config_(config), starters_(starters), parts_(parts) {}

  // Until then there is no keyring. May be called again after kUnavailable.
  Status Open();

  crypto::Keyring& keyring();
  crypto::CustomerTokens& customer_tokens();
  // Empty if there are none; the next token's follow.
  std::vector<api::KeyProcessReport> KeyProcesses() const;

 private:
  // Both tokens serve.
  Status Join();

  const Config& config_;
  const Starters& starters_;
  const Parts parts_;
  bool watching_ = false;
  std::unique_ptr<crypto::CustomerKeyring> own_;  // either this
  std::unique_ptr<RemoteKeyring> remote_;         // or that, and during a move what follows
  std::unique_ptr<RemoteKeyring> next_;
  std::unique_ptr<crypto::MovingKeyring> moving_;
  std::unique_ptr<crypto::MovingTokens> moving_tokens_;
};

// How many requests may be under way at a key process: those of all threads of this daemon that ask, twice.
uint32_t MaxKeyRequests(const Config& config);

}  // namespace claviger::daemon
