#include "daemon/protection.h"

#include <linux/capability.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

namespace claviger::daemon {
namespace {

bool HasIpcLock() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  if (::syscall(SYS_capget, &header, data) != 0) return false;
  return (data[0].effective & (1U << CAP_IPC_LOCK)) != 0;
}

// With a limit, MCL_FUTURE would make some later allocation fail in the middle of a request.
bool MayLockEverything() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur == RLIM_INFINITY) return true;
  return HasIpcLock();
}

}  // namespace

bool IsRoot() { return ::geteuid() == 0; }

void ProtectProcess() {
  std::signal(SIGPIPE, SIG_IGN);
  ::umask(077);
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
  ::setrlimit(RLIMIT_MEMLOCK,
              &unlimited);          // succeeds for who may, and then for an account dropped to as well
#if !defined(__SANITIZE_ADDRESS__)  // the leak check at exit traces its own process
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

Status LockMemory(MemoryLock wanted, const Log& log) {
  if (wanted == MemoryLock::kOff) return Ok();
  if (!MayLockEverything()) {
    if (wanted == MemoryLock::kRequired) {
      return Forbidden(
          "process.memory_lock is required, but RLIMIT_MEMLOCK is limited and CAP_IPC_LOCK is absent");
    }
    log.Info("memory is not locked: RLIMIT_MEMLOCK is limited and CAP_IPC_LOCK is absent");
    return Ok();
  }
  // On fault: locking every thread's whole stack at once would cost 8 MiB a thread.
  if (::mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0) return Ok();
  const std::string reason = std::strerror(errno);
  if (wanted == MemoryLock::kRequired) return Forbidden("memory cannot be locked: " + reason);
  log.Warn("memory is not locked", {{"reason", reason}});
  return Ok();
}

}  // namespace claviger::daemon
