#pragma once
// One key process as the API process has it: started, listened to, and replaced when it ends or falls silent.
//
//              ready                    lost                    ready
//  kStarting ---------> kServing ---------------> kReturning ---------> kServing
//                           ^                          | does not start
//                           |         ready            v
//                           +----------------------- kAway (a backoff, then again)

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

#include "api/metrics/metrics.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "daemon/key_process/key_line.h"
#include "daemon/key_process/starter.h"

namespace claviger::daemon {

class KeyProcess {
 public:
  struct Limits {
    std::chrono::milliseconds silence;  // of a process that is alive
    std::chrono::milliseconds start;    // until it is ready, silent or not
    size_t waiting = 0;                 // requests under way at once
  };
  KeyProcess(uint32_t seat, const Limits& limits, Starter& starter, const Clock& clock, const Log& log);
  ~KeyProcess();

  // The first start. Any failure is what the key process says of itself: kUnavailable is worth another try.
  Status Open();
  // From now on it is listened to, and replaced.
  void Watch();

  using LinePtr = std::shared_ptr<KeyLine>;
  bool serving() const;
  // Requests under way; nullopt if it does not serve.
  std::optional<size_t> load() const;
  // Waits while one process is being put in the place of another; refuses at once while none starts.
  Result<LinePtr> Current(SteadyTime deadline);

  // Has it forget the keys of a vault, soon; never waits. While it takes no message so many are kept for it,
  // and what comes beyond is not told. Late or never, it harms nobody: a handle answers only to who shows the
  // wrapped KEK, all of it, which the database has no more; and a verb that comes behind loads what it needs.
  void Forget(const VaultId& vault);
  static constexpr size_t kMaxToForget = 4096;

  crypto::KeyringHealth Health() const;
  api::KeyProcessReport Report() const;

 private:
  enum class State : uint8_t { kStarting, kServing, kReturning, kAway };

  Result<LinePtr> Start();
  Status AwaitReady(KeyLine& line);
  void Run();
  void Listen(KeyLine& line);
  void Return();
  void Note(const crypto::KeyringHealth& health);
  void GoAway(const Error& error);
  void TellToForget();
  bool Pause(std::chrono::milliseconds time);

  const uint32_t seat_;
  const Limits limits_;
  Starter& starter_;
  const Clock& clock_;
  const Log& log_;
  // Of the thread that listens.
  SecretBytes room_{kMaxMessageBytes};
  std::chrono::milliseconds backoff_{0};

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  State state_ = State::kStarting;
  LinePtr line_;
  std::deque<VaultId> to_forget_;  // what the line did not take yet
  bool stopping_ = false;
  pid_t process_ = 0;
  std::string before_;   // how the process before ended
  uint64_t starts_ = 0;  // that became ready
  SteadyTime serving_since_{};
  SteadyTime heard_at_{};
  crypto::KeyringHealth health_;
  uint64_t generations_before_ = 0;  // of the processes before this one
  std::thread thread_;
};

}  // namespace claviger::daemon
