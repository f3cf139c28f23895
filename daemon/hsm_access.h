#pragma once
// The daemon's way to its keys: through key processes, or with hsm.key_processes = 0 in this one.

#include <memory>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "crypto/customer_keyring.h"
#include "daemon/command_line.h"
#include "daemon/config.h"
#include "daemon/key_process/remote_keyring.h"
#include "daemon/key_process/starter.h"

namespace claviger::daemon {

// Null for hsm.key_processes = 0. Forks, unless key processes are a service of their own: only before any
// thread starts and anything is opened.
Result<std::unique_ptr<Starter>> MakeStarter(const CommandLine& line, const Config& config);

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
  // `starter` may be null.
  HsmAccess(const Config& config, Starter* starter, const Parts& parts)
      : config_(config), starter_(starter), parts_(parts) {}

  // Until then there is no keyring. May be called again after kUnavailable.
  Status Open();

  crypto::Keyring& keyring();
  crypto::CustomerTokens& customer_tokens();
  // Empty if there are none.
  std::vector<api::KeyProcessReport> KeyProcesses() const;

 private:
  const Config& config_;
  Starter* const starter_;
  const Parts parts_;
  std::unique_ptr<RemoteKeyring> remote_;         // either this
  std::unique_ptr<crypto::CustomerKeyring> own_;  // or that
};

// How many requests may be under way at a key process: those of all threads of this daemon that ask, twice.
uint32_t MaxKeyRequests(const Config& config);

}  // namespace claviger::daemon
