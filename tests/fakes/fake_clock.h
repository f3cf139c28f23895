#pragma once
// A clock that stands still until a test moves it.

#include <atomic>

#include "base/clock.h"

namespace claviger::fakes {

class FakeClock final : public Clock {
 public:
  explicit FakeClock(std::string_view now = "2026-03-01T12:00:00Z")
      : micros_(ParseTime(now)->time_since_epoch().count()) {}
  Time Now() const override { return Time{std::chrono::microseconds{micros_.load()}}; }
  SteadyTime Steady() const override { return SteadyTime{std::chrono::microseconds{micros_.load()}}; }
  void Advance(std::chrono::microseconds by) { micros_ += by.count(); }

 private:
  std::atomic<int64_t> micros_;
};

}  // namespace claviger::fakes
