#include "api/device/poll_pace.h"

#include <algorithm>

namespace claviger::api {

PollVerdict JudgePoll(const PollPace& pace, bool knows_slow_down, Time now) {
  const bool too_early = pace.polled_at && now + kJitter < *pace.polled_at + pace.interval;
  if (!too_early) return {false, {now, pace.interval}};
  if (!knows_slow_down) return {true, pace};
  return {true, {pace.polled_at, std::min(pace.interval + kSlowDown, kMaxInterval)}};
}

}  // namespace claviger::api
