#include "daemon/sandbox/system_calls.h"

#include <asm/ioctls.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace claviger::daemon {
namespace {

using Argument = SystemCall::Argument;

constexpr uint64_t kAll = ~uint64_t{0};
constexpr uint64_t kInt = 0xFFFF'FFFF;  // the kernel looks at the lower half of an int

SystemCall Where(const char* name, Argument where, int refused_with = 0) {
  return {.name = name, .where = where, .refused_with = refused_with};
}

SystemCalls operator+(SystemCalls calls, const SystemCalls& more) {
  calls.insert(calls.end(), more.begin(), more.end());
  return calls;
}

// Of every process that runs: its memory, threads, time, and the descriptors it has.
SystemCalls Running() {
  return {{"brk"},
          {"munmap"},
          {"mremap"},
          {"madvise"},
          {"mlock"},
          {"mlock2"},
          {"munlock"},
          {"membarrier"},
          {"futex"},
          {"futex_waitv"},
          {"set_robust_list"},
          {"get_robust_list"},
          {"rseq"},
          {"exit"},
          {"exit_group"},
          {"gettid"},
          {"getpid"},
          {"getppid"},
          {"getuid"},
          {"geteuid"},
          {"getgid"},
          {"getegid"},
          {"getcpu"},
          {"sched_yield"},
          {"sched_getaffinity"},
          {"sched_getparam"},
          {"sched_getscheduler"},
          Where("sched_setscheduler", {0, kInt, 0}),
          Where("prlimit64", {0, kInt, 0}),
          {"getrlimit"},
          {"getrusage"},
          {"sysinfo"},
          {"uname"},
          {"getrandom"},
          {"rt_sigaction"},
          {"rt_sigprocmask"},
          {"rt_sigpending"},
          {"rt_sigtimedwait"},
          {"rt_sigreturn"},
          {"sigaltstack"},
          {"restart_syscall"},
          Where("prctl", {0, kInt, PR_SET_NAME}),
          Where("prctl", {0, kInt, PR_GET_NAME}),
          {"clock_gettime"},
          {"clock_getres"},
          {"clock_nanosleep"},
          {"nanosleep"},
          {"gettimeofday"},
          {"time"},
          {"read"},
          {"write"},
          {"readv"},
          {"writev"},
          {"pread64"},
          {"pwrite64"},
          {"lseek"},
          {"close"},
          {"fstat"},
          {"fcntl"},
          {"dup"},
          {"dup2"},
          {"dup3"},
          {"poll"},
          {"ppoll"},
          {"select"},
          {"pselect6"},
          {"pipe2"},
          {"eventfd2"},
          {"epoll_create"},
          {"epoll_create1"},
          {"epoll_ctl"},
          {"epoll_wait"},
          {"epoll_pwait"},
          {"timerfd_create"},
          {"timerfd_settime"},
          {"timerfd_gettime"}};
}

// Of files below the paths that Landlock leaves.
SystemCalls Files() {
  return {{"open"},       {"openat"},    {"stat"},       {"lstat"},     {"newfstatat"}, {"statx"},
          {"access"},     {"faccessat"}, {"faccessat2"}, {"readlink"},  {"readlinkat"}, {"getcwd"},
          {"getdents64"}, {"statfs"},    {"fstatfs"},    {"fadvise64"}, {"umask"},      {"flock"},
          {"fsync"},      {"fdatasync"}, {"ftruncate"},  {"fallocate"}, {"rename"},     {"renameat"},
          {"renameat2"},  {"unlink"},    {"unlinkat"},   {"mkdir"},     {"mkdirat"},    {"rmdir"},
          {"chmod"},      {"fchmod"},    {"fchmodat"},   {"utimensat"}};
}

// Of sockets that are there.
SystemCalls Messages() {
  return {{"sendto"},   {"recvfrom"},   {"sendmsg"},    {"recvmsg"},     {"sendmmsg"},   {"recvmmsg"},
          {"shutdown"}, {"getsockopt"}, {"setsockopt"}, {"getsockname"}, {"getpeername"}};
}

SystemCalls LocalSockets() {
  return {Where("socket", {0, kInt, AF_UNIX}),
          Where("socketpair", {0, kInt, AF_UNIX}),
          {"connect"},
          // getaddrinfo asks the kernel for this machine's addresses if it may.
          Where("socket", {0, kInt, AF_NETLINK}, EAFNOSUPPORT)};
}

SystemCalls Network() {
  return LocalSockets() +
         SystemCalls{Where("socket", {0, kInt, AF_INET}), Where("socket", {0, kInt, AF_INET6})};
}

SystemCalls Ioctls() {
  SystemCalls calls;
  for (const uint64_t request : {TCGETS, FIONBIO, FIONREAD, TIOCOUTQ}) {
    calls.push_back(Where("ioctl", {1, kInt, request}));
  }
  return calls;
}

// Threads, but no processes. How clone3 is called lies in memory, where a filter does not see it; glibc then
// calls clone.
SystemCalls Threads() {
  return {Where("clone", {0, CLONE_THREAD | CLONE_NEWUSER | CLONE_NEWNS, CLONE_THREAD}),
          {.name = "clone3", .refused_with = ENOSYS}};
}

// Memory, but no more code. Who loads a library late is refused, and does without.
SystemCalls Data() {
  SystemCalls calls;
  for (const char* call : {"mmap", "mprotect"}) {
    calls.push_back(Where(call, {2, PROT_EXEC, 0}));
    calls.push_back(Where(call, {2, PROT_EXEC, PROT_EXEC}, EACCES));
  }
  return calls;
}

// abort() and pthread_kill().
SystemCalls SignalsToItself() { return {Where("tgkill", {0, kInt, static_cast<uint32_t>(::getpid())})}; }

SystemCalls OfModule(const ModuleNeeds& needs) {
  SystemCalls calls = needs.devices ? SystemCalls{{"ioctl"}} : Ioctls();
  if (needs.network) return calls + Network();
  if (needs.local_sockets) return calls + LocalSockets();
  // Many a module tells the system's log of an error, by syslog(3).
  return calls + SystemCalls{Where("socket", {0, kInt, AF_UNIX}, EACCES)};
}

}  // namespace

SystemCalls CallsOfApi(const std::vector<pid_t>& starters) {
  SystemCalls calls = Running() + Files() + Messages() + Network() + Ioctls() + Threads() + Data() +
                      SignalsToItself() + SystemCalls{{"accept"}, {"accept4"}};
  for (const pid_t starter : starters) {
    calls.push_back(Where("kill", {0, kInt, static_cast<uint32_t>(starter)}));
  }
  if (!starters.empty()) calls.push_back({"wait4"});
  return calls;
}

SystemCalls CallsOfKeyProcess(const ModuleNeeds& needs) {
  return Running() + Files() + Messages() + OfModule(needs) + Threads() + Data() + SignalsToItself();
}

SystemCalls CallsOfStarter(const ModuleNeeds& needs) {
  return Running() + Files() + Messages() + OfModule(needs) +
         SystemCalls{// Its own work.
                     {"clone"},
                     {.name = "clone3", .refused_with = ENOSYS},
                     {"execve"},
                     {"wait4"},
                     {"kill"},
                     {"tgkill"},
                     {"close_range"},
                     Where("socketpair", {0, kInt, AF_UNIX}),
                     // A program and its libraries come to run.
                     {"mmap"},
                     {"mprotect"},
                     {"arch_prctl"},
                     {"set_tid_address"},
                     {"setrlimit"},
                     {"capget"},
                     {"capset"},
                     {"mlockall"},
                     {"getresuid"},
                     {"getresgid"},
                     {"getgroups"},
                     // It gives up the rest.
                     {"prctl"},
                     {"seccomp"},
                     {"landlock_create_ruleset"},
                     {"landlock_add_rule"},
                     {"landlock_restrict_self"}};
}

}  // namespace claviger::daemon
