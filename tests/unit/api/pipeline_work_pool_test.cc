#include <doctest/doctest.h>

#include <atomic>
#include <future>
#include <memory>

#include "api/work_pool.h"

using namespace claviger::api;

namespace {

// Holds the pool's only thread until it is let go.
class Blocker {
 public:
  explicit Blocker(WorkPool& pool) {
    // The job may outlive the blocker by a moment, so it owns what it looks at.
    auto running = std::make_shared<std::promise<void>>();
    REQUIRE(pool.Submit([running, released = release_.get_future().share()] {
      running->set_value();
      released.wait();
    }));
    running->get_future().wait();
  }
  void Release() { release_.set_value(); }

 private:
  std::promise<void> release_;
};

}  // namespace

TEST_CASE("a work pool refuses at once when its queue is full, and takes work again when there is room") {
  WorkPool pool(1, 2);
  Blocker blocker(pool);
  std::atomic<int> done = 0;
  CHECK(pool.Submit([&] { ++done; }));
  CHECK(pool.Submit([&] { ++done; }));
  CHECK(pool.queued() == 2);
  CHECK(!pool.Submit([&] { ++done; }));
  blocker.Release();
  pool.Stop();
  CHECK(done == 2);
}

TEST_CASE("a stopping work pool runs what is queued and takes nothing more") {
  std::atomic<int> done = 0;
  WorkPool pool(3, 1000);
  for (int i = 0; i < 500; ++i) REQUIRE(pool.Submit([&] { ++done; }));
  pool.Stop();
  CHECK(done == 500);
  CHECK(!pool.Submit([&] { ++done; }));
  pool.Stop();
  CHECK(done == 500);
}

TEST_CASE("a work pool that discards its queue drops the jobs, ends what runs and takes nothing more") {
  WorkPool pool(1, 10);
  Blocker blocker(pool);
  std::atomic<int> done = 0;
  auto belonging = std::make_shared<int>(1);
  std::weak_ptr<int> seen = belonging;
  REQUIRE(pool.Submit([&done, belonging = std::move(belonging)] { ++done; }));
  pool.Discard();
  CHECK(seen.expired());
  CHECK(pool.queued() == 0);
  CHECK(!pool.Submit([&] { ++done; }));
  blocker.Release();
  pool.Stop();
  CHECK(done == 0);
}

TEST_CASE("a job that is discarded may ask the pool for more as it goes") {
  WorkPool pool(1, 10);
  Blocker blocker(pool);
  bool refused = false;
  std::shared_ptr<void> last_word(nullptr, [&](void*) { refused = !pool.Submit([] {}); });
  REQUIRE(pool.Submit([last_word = std::move(last_word)] {}));
  pool.Discard();
  CHECK(refused);
  blocker.Release();
}

TEST_CASE("a job's belongings go before the thread waits for the next job") {
  WorkPool pool(1, 10);
  auto belonging = std::make_shared<int>(1);
  std::weak_ptr<int> seen = belonging;
  std::promise<void> second;
  REQUIRE(pool.Submit([belonging = std::move(belonging)] {}));
  bool gone = false;
  REQUIRE(pool.Submit([&] {
    gone = seen.expired();
    second.set_value();
  }));
  second.get_future().wait();
  CHECK(gone);
}
