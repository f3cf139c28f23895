#pragma once
// Time. Wall time is microseconds since 1970 UTC (what PostgreSQL keeps); waits use the steady clock.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace claviger {

using Time = std::chrono::sys_time<std::chrono::microseconds>;
using SteadyTime = std::chrono::steady_clock::time_point;

// Twin in tests/fakes/fake_clock.h.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Time Now() const = 0;
  virtual SteadyTime Steady() const = 0;
};

class SystemClock final : public Clock {
 public:
  Time Now() const override;
  SteadyTime Steady() const override;
};

// RFC 3339 in UTC with exactly six fractional digits: "2026-02-27T12:00:00.000000Z".
std::string FormatTime(Time time);
// RFC 3339 with any zone offset and up to nine fractional digits (truncated to microseconds); nullopt
// otherwise. Leap seconds (":60") are refused, and so are times outside the years 0 to 9999 in UTC.
std::optional<Time> ParseTime(std::string_view text);
// Whole seconds since 1970, as JWT's NumericDate.
inline int64_t UnixSeconds(Time time) {
  return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
}

}  // namespace claviger
