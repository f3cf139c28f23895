#include "base/clock.h"

#include <doctest/doctest.h>

#include "base/random.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_random.h"

using namespace claviger;

TEST_CASE("Every time of the years 0 to 9999 prints and parses back") {
  fakes::FakeRandom random;
  const int64_t first = ParseTime("0000-01-01T00:00:00Z")->time_since_epoch().count();
  const int64_t last = ParseTime("9999-12-31T23:59:59.999999Z")->time_since_epoch().count();
  for (int i = 0; i < 10000; ++i) {
    uint64_t word = 0;
    random.Fill({reinterpret_cast<uint8_t*>(&word), sizeof word});
    const Time time{std::chrono::microseconds{
        first + static_cast<int64_t>(word % static_cast<uint64_t>(last - first + 1))}};
    REQUIRE(ParseTime(FormatTime(time)) == time);
  }
}

TEST_CASE("A zone offset may not carry a time out of the years 0 to 9999") {
  CHECK(ParseTime("0000-01-01T00:00:00-23:59"));
  CHECK(ParseTime("9999-12-31T23:59:59+23:59"));
  CHECK_FALSE(ParseTime("0000-01-01T00:00:00+00:01"));
  CHECK_FALSE(ParseTime("9999-12-31T23:59:59-00:01"));
}

TEST_CASE("Whole seconds round towards the past, before 1970 too") {
  CHECK(UnixSeconds(*ParseTime("1970-01-01T00:00:01.999999Z")) == 1);
  CHECK(UnixSeconds(*ParseTime("1969-12-31T23:59:59.5Z")) == -1);
}

TEST_CASE("The system's clocks move forward") {
  SystemClock clock;
  const auto steady = clock.Steady();
  CHECK(clock.Now() > *ParseTime("2024-01-01T00:00:00Z"));
  CHECK(clock.Steady() >= steady);
}
