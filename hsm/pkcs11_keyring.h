#pragma once
// crypto/keyring.h over PKCS#11. One life: Open() at start, used by all threads, destroyed in main() after
// every worker has been joined (never from atexit or a static destructor). After a loss of session, login,
// token or module it reconnects by itself: one attempt at a time, one login per attempt, never again after a
// wrong PIN.

#include <memory>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "crypto/customer_keyring.h"
#include "hsm/config.h"

namespace claviger::hsm {

// Loads the module, logs in, finds the keys that `clavigerd init` made, and exercises the root key. Errors
// carry one clear sentence: module cannot be loaded, token not found, wrong PIN, PIN file readable by others,
// keys missing. Tokens of customers are looked for when they are needed.
Result<std::unique_ptr<crypto::CustomerKeyring>> OpenKeyring(const HsmConfig& config, const Clock& clock,
                                                             Random& random, const Log& log);

struct InitReport {
  std::vector<std::string> created;   // labels of keys made now
  std::vector<std::string> existing;  // labels found from before
};
// Makes the installation's token keys that are missing: root, token signing, audit signing, TLS, lookup. Safe
// to repeat.
Result<InitReport> InitializeToken(const HsmConfig& config, const Clock& clock, Random& random,
                                   const Log& log);

}  // namespace claviger::hsm
