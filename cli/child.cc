#include "cli/child.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "cli/exit_code.h"
#include "cli/files.h"
#include "cli/output.h"

namespace claviger::cli {
namespace {

sigset_t HandledSignals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number :
       {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH, SIGTSTP, SIGCONT, SIGCHLD}) {
    sigaddset(&set, number);
  }
  return set;
}

// Until execve only async-signal-safe calls. The pipe closes by itself on success.
[[noreturn]] void BecomeChild(char** arguments, char** environment, const sigset_t& mask, int report) {
  sigprocmask(SIG_SETMASK, &mask, nullptr);
  execvpe(arguments[0], arguments, environment);
  const int failure = errno;
  if (write(report, &failure, sizeof failure) < 0) _exit(kExitFailed);
  _exit(failure == ENOENT ? kExitNoSuchFile : kExitCannotRun);
}

// 0 once the child runs its program, else why it does not.
int AwaitExec(int report) {
  int failure = 0;
  ssize_t got = 0;
  do {
    got = read(report, &failure, sizeof failure);
  } while (got < 0 && errno == EINTR);
  return got == sizeof failure ? failure : 0;
}

int StatusOf(int wait_status) {
  return WIFSIGNALED(wait_status) ? kExitSignalBase + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

// True once the child has ended.
bool Reap(pid_t child, int& wait_status) {
  for (;;) {
    const pid_t changed = waitpid(child, &wait_status, WNOHANG | WUNTRACED);
    if (changed < 0 && errno == EINTR) continue;
    if (changed != child) return false;
    if (!WIFSTOPPED(wait_status)) return true;
    // Job control stopped it: stop likewise, so that the shell gets its prompt; whoever continues us means
    // both. A plain SIGSTOP was meant for the child alone.
    if (WSTOPSIG(wait_status) == SIGSTOP) continue;
    kill(getpid(), SIGSTOP);
    kill(child, SIGCONT);
  }
}

int Supervise(pid_t child, const sigset_t& handled) {
  int wait_status = 0;
  for (;;) {
    siginfo_t info{};
    const int number = sigwaitinfo(&handled, &info);
    if (number < 0) continue;
    if (number == SIGCHLD) {
      if (Reap(child, wait_status)) return StatusOf(wait_status);
      continue;
    }
    // si_code above 0: sent by the kernel, that is by the terminal to the whole group.
    if (info.si_code <= 0) kill(child, number);
  }
}

std::vector<char*> PointersTo(const std::vector<std::string>& command) {
  std::vector<char*> pointers;
  for (const std::string& argument : command) pointers.push_back(const_cast<char*>(argument.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

int CannotStart(const std::string& what, int failure) {
  errno = failure;
  Complain("Cannot run " + what + ": " + ErrnoText());
  return failure == ENOENT ? kExitNoSuchFile : kExitCannotRun;
}

}  // namespace

int RunChild(const std::vector<std::string>& command, EnvironmentBlock& environment) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return CannotStart(command[0], errno);
  const Fd report_in(ends[0]);
  Fd report_out(ends[1]);
  // A parent that ignores SIGCHLD would have made us lose the child's status.
  std::signal(SIGCHLD, SIG_DFL);
  const sigset_t handled = HandledSignals();
  sigset_t before;
  sigprocmask(SIG_BLOCK, &handled, &before);
  std::vector<char*> arguments = PointersTo(command);
  const pid_t child = fork();
  if (child == 0) BecomeChild(arguments.data(), environment.Pointers(), before, ends[1]);
  const int fork_failure = child < 0 ? errno : 0;
  report_out = Fd();
  if (fork_failure) return CannotStart(command[0], fork_failure);
  const int exec_failure = AwaitExec(report_in.get());
  environment.Clear();
  if (exec_failure) {
    waitpid(child, nullptr, 0);
    return CannotStart(command[0], exec_failure);
  }
  return Supervise(child, handled);
}

}  // namespace claviger::cli
