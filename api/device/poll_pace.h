#pragma once
// How often a device may ask (RFC 8628 section 3.5).
//
// A poll comes too early if less than the interval has passed since the last one that did not. Only those
// move the mark: a device that is told to slow down, and waits as long as it was told, is never told so
// again. Each `slow_down` adds five seconds to the interval, for good, as the device adds them on its side. A
// device that does not know `slow_down` is told to wait on, and its interval stays.

#include <optional>

#include "base/clock.h"

namespace claviger::api {

inline constexpr std::chrono::seconds kFirstInterval{5};
inline constexpr std::chrono::seconds kSlowDown{5};
// Beyond it the interval does not grow: it is a tenth of a code's life.
inline constexpr std::chrono::seconds kMaxInterval{60};
// Networks delay one request more than the next.
inline constexpr std::chrono::seconds kJitter{1};

struct PollPace {
  std::optional<Time> polled_at;  // the newest poll that did not come too early
  std::chrono::seconds interval = kFirstInterval;
};

struct PollVerdict {
  bool too_early = false;
  PollPace pace;  // from now on
};
PollVerdict JudgePoll(const PollPace& pace, bool knows_slow_down, Time now);

}  // namespace claviger::api
