#include "base/background.h"

#include <doctest/doctest.h>

#include <atomic>

using namespace claviger;
using namespace std::chrono_literals;

TEST_CASE("it works until its owner goes, however long it would have rested") {
  std::atomic<int> rounds = 0;
  {
    Background thread;
    thread.Start([&] {
      while (!thread.Stopping()) {
        ++rounds;
        thread.Rest(1h);
      }
    });
    while (rounds == 0) std::this_thread::yield();
  }
  CHECK(rounds == 1);
}

TEST_CASE("a rest ends by itself") {
  const Background thread;
  const SteadyTime until = std::chrono::steady_clock::now() + 20ms;
  thread.RestUntil(until);
  CHECK(std::chrono::steady_clock::now() >= until);
  thread.RestUntil(SteadyTime{});
}

TEST_CASE("who was told to stop does not rest, and may be stopped again or never have begun") {
  Background thread;
  thread.RequestStop();
  CHECK(thread.Stopping());
  thread.Rest(1h);
  thread.Stop();
  thread.Stop();
}
