#pragma once
// One thread that waits for events: Pistache's reactor, with a wake-up and a clock added. The only place that
// includes Pistache.
//
// Its transport, listener, parsers and promises are not used. They know a connection by its descriptor
// number, so an answer can reach the next connection that got the number; here every watched descriptor
// carries a tag that is never used twice, and an event with an unknown tag is nothing.

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "base/clock.h"

namespace claviger::api::http {

struct Readiness {
  bool readable = false;
  bool writable = false;
  bool broken = false;  // reset, or closed in both directions
};

// All calls come on the loop's thread and must not throw.
class EventHandler {
 public:
  virtual ~EventHandler() = default;
  virtual void OnEvent(uint64_t tag, Readiness readiness) = 0;
  // After Wake(), at least once. Anything queued before Wake() was called is visible.
  virtual void OnWake() = 0;
  virtual void OnTick(SteadyTime now) = 0;
};

class EventLoop {
 public:
  static constexpr uint64_t kFirstTag = uint64_t{1} << 32;  // smaller ones are the reactor's own
  static constexpr std::chrono::milliseconds kTick{250};

  // Null with errno set if the system gives no descriptors. `handler` must outlive the loop.
  static std::unique_ptr<EventLoop> Create(EventHandler& handler);
  ~EventLoop();  // Stop()

  // The thread blocks all signals, SIGPIPE too: writing to a closed connection is an error, not a signal.
  void Start(const std::string& thread_name);
  void Stop();
  // From any thread, also before Start().
  void Wake();
  bool InLoop() const { return std::this_thread::get_id() == thread_id_.load(std::memory_order_relaxed); }
  bool AliveWithin(std::chrono::milliseconds within) const;

  // On the loop's thread, or before Start(). Level-triggered. False if the system refused.
  bool Watch(int fd, uint64_t tag, bool read, bool write);
  bool Rewatch(int fd, uint64_t tag, bool read, bool write);
  void Unwatch(int fd);

 private:
  class Relay;
  struct Reactor;
  EventLoop();

  std::unique_ptr<Reactor> reactor_;
  std::thread thread_;
  std::atomic<std::thread::id> thread_id_{};
  std::atomic<int64_t> last_pass_{0};  // steady clock ticks
};

}  // namespace claviger::api::http
