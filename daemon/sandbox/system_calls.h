#pragma once
// Which system calls each process makes once it has started, as data. What stands in no list kills the
// process that calls it. docs/KEY_PROCESS.md and docs/THREAT_MODEL.md say what that is worth.

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace claviger::daemon {

struct SystemCall {
  const char* name;  // as in syscalls(2); one that this architecture lacks says nothing
  // Only where (argument & mask) == value.
  struct Argument {
    unsigned index;
    uint64_t mask;
    uint64_t value;
  };
  std::optional<Argument> where{};
  // 0: allowed. Otherwise it is refused with that error instead of killing: for what libraries of good will
  // try, and do without.
  int refused_with = 0;
};
using SystemCalls = std::vector<SystemCall>;

// What the PKCS#11 module may use besides its files.
struct ModuleNeeds {
  bool local_sockets = false;  // of this machine: pcscd, a vendor's daemon
  bool network = false;        // IPv4 and IPv6 as well
  bool devices = false;        // ioctl, for USB and other device files
};

// The process that serves HTTP, with its listeners bound. `starters`: whom alone it may signal.
SystemCalls CallsOfApi(const std::vector<pid_t>& starters);
// The key process, with its module loaded and initialised.
SystemCalls CallsOfKeyProcess(const ModuleNeeds& needs);
// The starter. All that a key process needs until then as well: it inherits what is forbidden to the starter.
SystemCalls CallsOfStarter(const ModuleNeeds& needs);

}  // namespace claviger::daemon
