#pragma once
// Waiting at start for parts that may come a little later than the daemon.

#include <algorithm>
#include <chrono>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/exit_code.h"
#include "daemon/signals.h"

namespace claviger::daemon {

// Repeats `attempt` while it fails with kUnavailable, up to `limit`; any other failure is final at once (a
// wrong PIN must not be tried twice). A stop signal meanwhile ends the start with kOk.
class Startup {
 public:
  Startup(Signals& signals, const Clock& clock, const Log& log, std::chrono::milliseconds limit)
      : signals_(signals), clock_(clock), log_(log), deadline_(clock.Steady() + limit) {}

  template <class Attempt>
  auto Await(ExitCode code, std::string_view what, Attempt attempt)
      -> Outcome<typename std::invoke_result_t<Attempt>::value_type> {
    bool told = false;
    for (;;) {
      auto result = attempt();
      const bool again = !result && result.error().kind == ErrorKind::kUnavailable;
      if (!again || clock_.Steady() >= deadline_) return Stage(code, std::move(result));
      if (!std::exchange(told, true))
        log_.Failure("waiting at start", result.error(), {{"for", std::string(what)}});
      if (signals_.Wait(kPause) == Signal::kStop) {
        return Refusal{ExitCode::kOk, Unavailable("stopped while starting")};
      }
    }
  }

 private:
  static constexpr std::chrono::milliseconds kPause{500};
  Signals& signals_;
  const Clock& clock_;
  const Log& log_;
  const SteadyTime deadline_;
};

}  // namespace claviger::daemon
