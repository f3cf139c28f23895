#pragma once
// The threads that enter the PKCS#11 module. Nobody else does.
//
// Why a hand-over, when a call by handle takes some ten microseconds: PKCS#11 has no time limit and a thread
// inside a module cannot be called back. If request threads went in themselves, a hung HSM would keep every
// one of them. Here a request thread waits for its call with a deadline; when that passes it leaves, and the
// call, which owns copies of all it reads and writes, stays behind with the stuck thread. The price is one
// wake-up of the waiting thread and at most one of an HSM thread (none under load: an HSM thread that finds
// the next call queued does not sleep).
//
// It is also the gate around C_Finalize, which must never run while any thread is inside: RunAlone.

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "base/clock.h"

namespace claviger::hsm {

// Work for an HSM thread. It owns everything it touches: the caller may be gone before it ends.
class Call {
 public:
  virtual ~Call() = default;
  Call() = default;
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  // The call has run; lock-free, so that it may be asked under any lock.
  bool done() const { return done_.load(std::memory_order_acquire); }

 private:
  friend class CallPool;
  virtual void Execute() = 0;

  enum class Stage : uint8_t { kQueued, kRunning, kDone, kCancelled };
  std::mutex mutex_;
  std::condition_variable ended_;
  Stage stage_ = Stage::kQueued;  // guarded by mutex_, as is abandoned_
  bool abandoned_ = false;
  std::atomic<bool> done_{false};
};

template <class T>
class CallFor final : public Call {
 public:
  explicit CallFor(std::function<T()> work) : work_(std::move(work)) {}
  // Once, after done().
  T Take() { return std::move(*result_); }

 private:
  void Execute() override {
    result_.emplace(work_());
    work_ = nullptr;
  }
  std::function<T()> work_;
  std::optional<T> result_;
};

class CallPool {
 public:
  struct Limits {
    uint32_t threads = 1;  // calls at work at the same time, not counting hung ones
    uint32_t queue = 256;  // calls waiting
  };
  explicit CallPool(Limits limits);
  // Waits `kShutdownPatience` at most; threads that hang in the module are left behind, with all they use. If
  // they still hang there when main() returns, the process ends with the status it was given, without running
  // the destructors and exit handlers of the module.
  ~CallPool();
  CallPool(const CallPool&) = delete;
  CallPool& operator=(const CallPool&) = delete;

  enum class Ending : uint8_t {
    kDone,  // Take() has the result
    kBusy,  // never started: no thread was free by `start_by`, or the queue is full
    kHung,  // started and not back by `finish_by`; it may still end later
  };
  enum class Order : uint8_t { kLast, kFirst };  // kFirst passes the queue and its limit
  Ending Run(const std::shared_ptr<Call>& call, SteadyTime start_by, SteadyTime finish_by,
             Order order = Order::kLast);
  // Run in two halves, to have several calls at work at once. False is kBusy; after true Await must follow.
  bool Start(const std::shared_ptr<Call>& call, Order order = Order::kLast);
  Ending Await(const std::shared_ptr<Call>& call, SteadyTime start_by, SteadyTime finish_by);

  // Runs the call while nothing else is inside the module: waits until `start_by` for what is inside to
  // leave. Others wait in the queue meanwhile. After kHung nothing else starts until that call has ended.
  Ending RunAlone(const std::shared_ptr<Call>& call, SteadyTime start_by, SteadyTime finish_by);

  // Called when a call given up as hung has ended after all: on an HSM thread, under the pool's lock, so it
  // may not call the pool.
  void OnReturn(std::function<void()> notify);
  uint32_t hung() const;

 private:
  struct Shared;
  static void Serve(std::shared_ptr<Shared> shared);
  static bool Perform(Call& call);
  static void Returned(Shared& shared, bool alone);
  static void SkipExitHandlers(std::shared_ptr<Shared> left);
  void Withdraw(const std::shared_ptr<Call>& call);
  void StartThreadIfNeeded();

  std::shared_ptr<Shared> shared_;    // outlives the pool where threads are left behind
  std::vector<std::thread> threads_;  // guarded by shared_->mutex
};

}  // namespace claviger::hsm
