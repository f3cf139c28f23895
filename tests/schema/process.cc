#include "tests/schema/process.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>

namespace claviger::testing {
namespace {

struct ProcessStat {
  char state;
  pid_t parent;
};

// /proc/PID/stat is "pid (name) state ppid ..."; the name may hold anything, its last ')' ends it.
std::optional<ProcessStat> ReadStat(const std::string& pid) {
  std::ifstream file("/proc/" + pid + "/stat");
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  const size_t end = line.rfind(") ");
  if (end == std::string::npos) return std::nullopt;
  return ProcessStat{line[end + 2], static_cast<pid_t>(std::strtol(line.c_str() + end + 4, nullptr, 10))};
}

// Between fork and exec: system calls only.
[[noreturn]] void BecomeProgram(char* const* argv, const Account& account, int log) {
  const bool switch_user = ::getuid() != account.uid;
  if (switch_user &&
      (::setgroups(0, nullptr) != 0 || ::setgid(account.gid) != 0 || ::setuid(account.uid) != 0))
    ::_exit(126);
  ::prctl(PR_SET_PDEATHSIG, SIGINT);  // after setuid, which clears it
  ::dup2(log, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  if (::chdir("/") != 0) ::_exit(126);
  ::execv(argv[0], argv);
  ::_exit(127);
}

}  // namespace

Account ServerAccount() {
  if (::getuid() != 0) return {::getuid(), ::getgid()};
  const passwd* entry = ::getpwnam("postgres");
  if (entry == nullptr) std::abort();
  return {entry->pw_uid, entry->pw_gid};
}

pid_t Spawn(const std::vector<std::string>& command, const Account& account, const std::string& log_path) {
  std::vector<char*> argv;
  for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  const int log = ::open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  const pid_t pid = ::fork();
  if (pid == 0) BecomeProgram(argv.data(), account, log);
  ::close(log);
  return pid;
}

int RunToEnd(const std::vector<std::string>& command, const Account& account, const std::string& log_path) {
  const pid_t pid = Spawn(command, account, log_path);
  int status = -1;
  if (pid < 0 || ::waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) return -1;
  return WEXITSTATUS(status);
}

std::vector<pid_t> ChildrenOf(pid_t pid) {
  std::vector<pid_t> children;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const auto stat = ReadStat(name);
    if (stat && stat->parent == pid) children.push_back(static_cast<pid_t>(std::stol(name)));
  }
  return children;
}

void StopAndWait(pid_t pid) {
  ::kill(pid, SIGSTOP);
  for (auto stat = ReadStat(std::to_string(pid)); stat && stat->state != 'T' && stat->state != 'Z';
       stat = ReadStat(std::to_string(pid)))
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

bool IsRunning(pid_t pid) {
  const auto stat = ReadStat(std::to_string(pid));
  return stat && stat->state != 'Z' && stat->state != 'X';
}

}  // namespace claviger::testing
