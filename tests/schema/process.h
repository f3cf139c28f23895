#pragma once
// Starting and signalling foreign programs from tests.

#include <sys/types.h>

#include <string>
#include <vector>

namespace claviger::testing {

struct Account {
  uid_t uid;
  gid_t gid;
};
// Whom PostgreSQL runs as: the user `postgres` when we are root (the server refuses to be root), else
// ourselves.
Account ServerAccount();

// Starts a program; output goes to the end of `log_path`. It gets SIGINT when the thread that started it
// ends.
pid_t Spawn(const std::vector<std::string>& command, const Account& account, const std::string& log_path);
// Starts a program and waits for its end; its exit status, or -1 if a signal ended it.
int RunToEnd(const std::vector<std::string>& command, const Account& account, const std::string& log_path);

// Processes whose parent is `pid`.
std::vector<pid_t> ChildrenOf(pid_t pid);
// Stops a process and returns once it stands still: what it has forked by then is all it has forked.
void StopAndWait(pid_t pid);
// False once the process has ended, even if nobody has collected its status.
bool IsRunning(pid_t pid);

}  // namespace claviger::testing
