#include "daemon/sandbox/sandbox.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "daemon/sandbox/seccomp.h"

namespace claviger::daemon {
namespace {

// Sanitizers read /proc, map code and trace their own process, at any time.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

Error SystemError(const char* what) {
  return Forbidden(std::string("the sandbox cannot be made: ") + what + ": " + std::strerror(errno));
}

// Memory that is locked beyond a limit needs its capability for each page to come.
uint64_t NeededForLockedMemory() {
  rlimit limit{};
  const bool unlimited = ::getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur == RLIM_INFINITY;
  return unlimited ? 0 : 1ULL << CAP_IPC_LOCK;
}

Status DropCapabilities(uint64_t kept) {
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct had[2] = {};
  if (::syscall(SYS_capget, &header, had) != 0) return SystemError("capget");
  __user_cap_data_struct has[2] = {};
  bool excess = false;
  for (unsigned half = 0; half < 2; ++half) {
    const auto mask = static_cast<uint32_t>(kept >> (32 * half));
    has[half].permitted = has[half].effective = had[half].permitted & mask;
    excess = excess || ((had[half].permitted | had[half].inheritable) & ~mask) != 0;
  }
  if (!excess) return Ok();  // a service manager may forbid even the call
  if (::syscall(SYS_capset, &header, has) != 0) return SystemError("capset");
  return Ok();
}

}  // namespace

Status Sandbox::Enter() const {
  if (mode_ == SandboxMode::kOff || kSanitized) {
    log_.Warn("NO SANDBOX", {{"process", std::string(plan_.process)},
                             {"why", kSanitized ? "built with a sanitizer" : "process.sandbox is off"}});
    return Ok();
  }
  uint64_t kept = NeededForLockedMemory();
  if (plan_.keep_low_ports) kept |= 1ULL << CAP_NET_BIND_SERVICE;
  TRYV(DropCapabilities(kept));
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return SystemError("no_new_privs");
  if (!plan_.fence || mode_ == SandboxMode::kLog) return Ok();
  return Enclose(*plan_.fence);
}

Status Sandbox::Shut() const {
  if (mode_ == SandboxMode::kOff || kSanitized) return Ok();
  const bool log_only = mode_ == SandboxMode::kLog;
  const int landlock = plan_.fence && !log_only ? LandlockAbi() : 0;
  TRYV(AllowOnly(plan_.calls, log_only));
  const LogField process{"process", std::string(plan_.process)};
  if (log_only) {
    log_.Warn("the sandbox only logs", {process});
  } else {
    log_.Info("sandboxed", {process, {"landlock_abi", std::to_string(landlock)}});
  }
  return Ok();
}

}  // namespace claviger::daemon
