#include "daemon/key_process/nursery.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <thread>

namespace claviger::daemon {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kTick{20};
// A killed process that a driver does not let go is left behind.
constexpr milliseconds kKillTakes{5000};
constexpr int kFirstForeignDescriptor = 5;

int EndNow(pid_t process) {
  int status = 0;
  if (AwaitEnd(process, milliseconds(0), status)) return status;
  ::kill(process, SIGKILL);
  AwaitEnd(process, kKillTakes, status);
  return status;
}

}  // namespace

std::string DescribeEnd(int status) {
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) {
    return "by SIGSYS: its sandbox forbids a system call that it made; the kernel's audit log names it";
  }
  if (WIFSIGNALED(status)) return "by signal " + std::to_string(WTERMSIG(status));
  return "with status " + std::to_string(WEXITSTATUS(status));
}

bool AwaitEnd(pid_t process, milliseconds limit, int& status) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  for (;;) {
    status = 0;
    const pid_t ended = ::waitpid(process, &status, WNOHANG);
    if (ended == process || (ended < 0 && errno != EINTR)) return true;
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(kTick);
  }
}

Nursery::Nursery(int ledger, std::vector<std::string> words) : ledger_(ledger), words_(std::move(words)) {
  words_.insert(words_.begin(), "clavigerd");
  for (std::string& word : words_) arguments_.push_back(word.data());
  arguments_.push_back(nullptr);
}

StartReply Nursery::Start(const StartQuestion& question, int channel, bool tell) {
  StartReply reply{.number = question.number};
  if (const auto found = processes_.find(question.seat); found != processes_.end()) {
    reply.had = 1;
    reply.status = EndNow(found->second);
    processes_.erase(found);
  }
  const pid_t process = ::fork();
  if (process < 0) {
    reply.error = errno;
    return reply;
  }
  if (process == 0) {
    reply.process = ::getpid();
    if (tell) static_cast<void>(::send(channel, &reply, sizeof reply, MSG_NOSIGNAL));
    Become(channel);
  }
  processes_.emplace(question.seat, process);
  reply.process = process;
  return reply;
}

void Nursery::EndAll(milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  for (const auto& [seat, process] : processes_) {
    const auto left = deadline - std::chrono::steady_clock::now();
    int status = 0;
    if (!AwaitEnd(process, std::chrono::duration_cast<milliseconds>(left), status)) EndNow(process);
  }
}

void Nursery::Become(int channel) {
  // Neither of the two may lie where the other goes.
  const int high_channel = ::fcntl(channel, F_DUPFD_CLOEXEC, kFirstForeignDescriptor);
  const int high_ledger = ::fcntl(ledger_, F_DUPFD_CLOEXEC, kFirstForeignDescriptor);
  const bool placed =
      ::dup2(high_channel, kChannelDescriptor) >= 0 && ::dup2(high_ledger, kLedgerDescriptor) >= 0;
  ::close_range(kFirstForeignDescriptor, ~0U, 0);
  if (placed) ::execve("/proc/self/exe", arguments_.data(), environ);
  ::_exit(EXIT_FAILURE);
}

}  // namespace claviger::daemon
