#include <doctest/doctest.h>

#include <random>

#include "api/device/poll_pace.h"

using namespace claviger;
using namespace claviger::api;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr Time kStart{seconds(1'772'000'000)};

}  // namespace

TEST_CASE("the first poll is never too early") {
  const auto verdict = JudgePoll({}, true, kStart);
  CHECK_FALSE(verdict.too_early);
  CHECK(verdict.pace.polled_at == kStart);
  CHECK(verdict.pace.interval == kFirstInterval);
}

TEST_CASE("an early poll moves the interval and not the mark") {
  const PollPace pace{kStart, seconds(5)};
  const auto verdict = JudgePoll(pace, true, kStart + milliseconds(3999));
  CHECK(verdict.too_early);
  CHECK(verdict.pace.polled_at == kStart);
  CHECK(verdict.pace.interval == seconds(10));
  CHECK_FALSE(JudgePoll(pace, true, kStart + seconds(4)).too_early);  // a second of jitter
}

TEST_CASE("a device that does not know slow_down keeps its interval") {
  const auto verdict = JudgePoll({kStart, seconds(5)}, false, kStart + seconds(1));
  CHECK(verdict.too_early);
  CHECK(verdict.pace.polled_at == kStart);
  CHECK(verdict.pace.interval == seconds(5));
}

TEST_CASE("the interval has an end") {
  PollPace pace{kStart, seconds(5)};
  for (int i = 0; i < 100; ++i) pace = JudgePoll(pace, true, kStart).pace;
  CHECK(pace.interval == kMaxInterval);
}

// What went wrong elsewhere: an early poll moved the mark too, so that slow_down never ended.
TEST_CASE("whatever came before, a device that waits as long as it was told is heard") {
  std::mt19937 random(20260227);
  for (int run = 0; run < 2000; ++run) {
    PollPace pace;
    Time now = kStart;
    seconds told = kFirstInterval;
    // Polls at any moment at all, and what the device is told meanwhile.
    for (int poll = 0; poll < static_cast<int>(random() % 20); ++poll) {
      now += milliseconds(random() % 30'000);
      const auto verdict = JudgePoll(pace, true, now);
      if (verdict.too_early) told = std::min(told + kSlowDown, kMaxInterval);
      pace = verdict.pace;
      CHECK(pace.interval == told);
    }
    // From here it obeys; the network takes or gives a second.
    now += told - kJitter + milliseconds(random() % 2'000);
    CHECK_FALSE(JudgePoll(pace, true, now).too_early);
  }
}
