#pragma once
// Signals as values: blocked in every thread, taken by the main thread when it is ready for them.

#include <chrono>
#include <optional>

namespace claviger::daemon {

// kChild: a process that this one has started may have ended.
enum class Signal { kStop, kReload, kChild };

class Signals {
 public:
  // Blocks SIGTERM, SIGINT, SIGHUP and SIGCHLD for this thread and every thread it starts from now on.
  Signals();
  // The next signal, or nothing within `limit`.
  std::optional<Signal> Wait(std::chrono::milliseconds limit);
};

}  // namespace claviger::daemon
