#pragma once
// Where key processes are started and ended, by a process that has no threads: the starter, or the keeper.

#include <sys/types.h>

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "daemon/key_process/channel.h"

namespace claviger::daemon {

// What a key process finds when it starts.
inline constexpr int kChannelDescriptor = 3;
inline constexpr int kLedgerDescriptor = 4;

// Asks for a key process.
struct StartQuestion {
  uint64_t number = 0;  // comes back with the reply: one that is late is not taken for the next
  uint32_t seat = 0;
};
struct StartReply {
  uint64_t number = 0;
  int32_t error = 0;  // errno
  int32_t process = 0;
  int32_t had = 0;     // there was a process before
  int32_t status = 0;  // of waitpid
};
// How a process ended, for people.
std::string DescribeEnd(int status);

class Nursery {
 public:
  // `words` are the command line of a key process without the program's name.
  Nursery(int ledger, std::vector<std::string> words);
  Nursery(const Nursery&) = delete;
  Nursery& operator=(const Nursery&) = delete;

  // A new key process at that channel, in place of the one of that seat, which is killed if it still runs.
  // With `tell` the reply is on the channel before anything else, from the new process.
  StartReply Start(const StartQuestion& question, int channel, bool tell);
  // Waits, and kills what is left.
  void EndAll(std::chrono::milliseconds patience);

 private:
  [[noreturn]] void Become(int channel);

  const int ledger_;
  std::vector<std::string> words_;
  std::vector<char*> arguments_;
  std::map<uint32_t, pid_t> processes_;
};

// Whether a child ended within that time; if so it is collected, and this is its status. 0 for no child.
bool AwaitEnd(pid_t process, std::chrono::milliseconds limit, int& status);

}  // namespace claviger::daemon
