#pragma once
// The process that starts key processes, so that the one that speaks HTTP need not be able to start any
// program. It is forked before anything else happens, has one thread, and holds nothing but the ledger.

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/error.h"
#include "daemon/key_process/channel.h"

namespace claviger::daemon {

class Starter {
 public:
  virtual ~Starter() = default;

  struct Started {
    Channel channel;
    pid_t process = 0;
    std::string before;  // how this seat's process before ended; empty: there was none
  };
  // A new key process in that seat, in place of the one that was there, which is killed if it still runs.
  virtual Result<Started> Start(uint32_t seat) = 0;
  // Its own; 0: it is no child of this one.
  virtual pid_t process() const { return 0; }
  // It has ended for good: no key process can be started any more.
  virtual bool Gone() const { return false; }
};

class ForkedStarter final : public Starter {
 public:
  // Only before any thread starts and any socket is open. `words` are the command line of a key process
  // without the program's name; `patience` is how long key processes may take to end.
  // `confine` is what the starter gives up before it listens; if that fails, it ends.
  static Result<std::unique_ptr<Starter>> Fork(std::vector<std::string> words,
                                               std::chrono::milliseconds patience,
                                               const std::function<Status()>& confine);
  // Returns when it and all key processes have ended: within twice the patience.
  ~ForkedStarter() override;
  ForkedStarter(const ForkedStarter&) = delete;
  ForkedStarter& operator=(const ForkedStarter&) = delete;

  Result<Started> Start(uint32_t seat) override;
  pid_t process() const override { return process_; }
  bool Gone() const override;

 private:
  ForkedStarter(Channel control, pid_t process, std::chrono::milliseconds patience)
      : control_(std::move(control)), process_(process), patience_(patience) {}

  Channel control_;
  std::mutex mutex_;  // one question at a time; guards the next
  uint64_t asked_ = 0;
  const pid_t process_;
  const std::chrono::milliseconds patience_;
};

}  // namespace claviger::daemon
