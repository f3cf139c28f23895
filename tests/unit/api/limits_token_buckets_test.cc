#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "api/limits/token_buckets.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_random.h"

using namespace claviger;
using namespace claviger::api;
using namespace std::chrono_literals;

namespace {

struct Fixture {
  int Burst(TokenBuckets& buckets, std::string_view client) {
    int passed = 0;
    while (buckets.Take(client, clock.Steady()) == 0ns) ++passed;
    return passed;
  }
  fakes::FakeClock clock;
  fakes::FakeRandom random;
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a client gets its burst, then its rate, each client by itself") {
  TokenBuckets buckets({.per_second = 10, .burst = 5}, random);
  CHECK(Burst(buckets, "192.0.2.1") == 5);
  CHECK(Burst(buckets, "192.0.2.2") == 5);
  clock.Advance(100ms);
  CHECK(Burst(buckets, "192.0.2.1") == 1);
  clock.Advance(1h);
  CHECK(Burst(buckets, "192.0.2.1") == 5);
}

TEST_CASE_FIXTURE(Fixture, "who waits as long as told passes, and not a microsecond earlier") {
  TokenBuckets buckets({.per_second = 4, .burst = 1}, random);
  CHECK(Burst(buckets, "192.0.2.1") == 1);
  CHECK(buckets.Take("192.0.2.1", clock.Steady()) == 250ms);
  clock.Advance(250ms - 1us);
  CHECK(buckets.Take("192.0.2.1", clock.Steady()) == 1us);
  clock.Advance(1us);
  CHECK(buckets.Take("192.0.2.1", clock.Steady()) == 0ns);
}

TEST_CASE_FIXTURE(Fixture, "a rate of zero is no limit") {
  TokenBuckets buckets({.per_second = 0, .burst = 1}, random);
  for (int i = 0; i < 1000; ++i) CHECK(buckets.Take("192.0.2.1", clock.Steady()) == 0ns);
}

TEST_CASE_FIXTURE(Fixture, "of many threads exactly the burst passes") {
  TokenBuckets buckets({.per_second = 1, .burst = 100}, random);
  std::atomic<int> passed{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 50; ++n) passed += buckets.Take("192.0.2.1", clock.Steady()) == 0ns ? 1 : 0;
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(passed == 100);
}
