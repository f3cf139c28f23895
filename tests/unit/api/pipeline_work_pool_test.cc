#include <doctest/doctest.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

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

// False if it does not within 20 seconds.
bool Expires(const std::weak_ptr<int>& belonging) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!belonging.expired() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  return belonging.expired();
}

// A pool that notes the batches it is given. One of its threads works on the first job until it is let go.
class Noting {
 public:
  explicit Noting(BatchPool<std::string>::Limits limits)
      : pool(limits, [this](const auto& jobs) { Work(jobs); }) {
    REQUIRE(pool.Submit("first"));
    begun_.get_future().wait();
  }
  ~Noting() { Release(); }
  void Release() {
    if (!std::exchange(released_, true)) release_.set_value();
  }
  // Those behind the first job.
  std::vector<std::vector<std::string>> batches() const {
    const std::lock_guard lock(mutex_);
    return batches_;
  }
  std::vector<std::vector<std::string>> AllBatches() {
    Release();
    pool.Stop();
    return batches();
  }

 private:
  void Work(const std::vector<std::string>& jobs) {
    if (jobs == std::vector<std::string>{"first"}) {
      begun_.set_value();
      release_.get_future().wait();
    } else {
      const std::lock_guard lock(mutex_);
      batches_.push_back(jobs);
    }
  }
  std::promise<void> begun_, release_;
  bool released_ = false;
  mutable std::mutex mutex_;
  std::vector<std::vector<std::string>> batches_;

 public:
  BatchPool<std::string> pool;  // after what its threads use
};

using Batches = std::vector<std::vector<std::string>>;

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

TEST_CASE("the threads of a background pool, and they alone, stand back for all others") {
  const auto policy = [] { return sched_getscheduler(0); };
  int of_background = -1, of_plain = -1;
  WorkPool background(1, 1, true);
  WorkPool plain(1, 1);
  REQUIRE(background.Submit([&] { of_background = policy(); }));
  REQUIRE(plain.Submit([&] { of_plain = policy(); }));
  background.Stop();
  plain.Stop();
  CHECK(of_background == SCHED_IDLE);
  CHECK(of_plain == SCHED_OTHER);
  CHECK(policy() == SCHED_OTHER);
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
  const std::weak_ptr<int> seen = belonging;
  REQUIRE(pool.Submit([belonging = std::move(belonging)] {}));
  CHECK(Expires(seen));
}

TEST_CASE("a batch pool gives a free thread all that waits, oldest first, up to its limit") {
  Noting noting({1, 10, 3});
  for (const char* job : {"a", "b", "c", "d", "e", "f", "g"}) REQUIRE(noting.pool.Submit(job));
  CHECK(noting.AllBatches() == Batches{{"a", "b", "c"}, {"d", "e", "f"}, {"g"}});
}

TEST_CASE("while a thread of a batch pool is free every job is a batch of its own") {
  Noting noting({2, 10, 10});
  for (const char* job : {"a", "b", "c"}) {
    const size_t before = noting.batches().size();
    REQUIRE(noting.pool.Submit(job));
    while (noting.batches().size() == before) std::this_thread::yield();
  }
  CHECK(noting.AllBatches() == Batches{{"a"}, {"b"}, {"c"}});
}

TEST_CASE("a full batch pool refuses at once and leaves the job untouched") {
  Noting noting({1, 2, 10});
  REQUIRE(noting.pool.Submit("a"));
  REQUIRE(noting.pool.Submit("b"));
  CHECK(noting.pool.queued() == 2);
  std::string job = "a job long enough to have memory of its own";
  CHECK(!noting.pool.Submit(std::move(job)));
  CHECK(job == "a job long enough to have memory of its own");
  CHECK(noting.AllBatches() == Batches{{"a", "b"}});
  CHECK(!noting.pool.Submit(std::move(job)));
  CHECK(job == "a job long enough to have memory of its own");
}

TEST_CASE("a batch pool that discards its queue ends what runs and takes nothing more") {
  Noting noting({1, 10, 10});
  REQUIRE(noting.pool.Submit("a"));
  noting.pool.Discard();
  CHECK(noting.pool.queued() == 0);
  CHECK(!noting.pool.Submit("b"));
  CHECK(noting.AllBatches().empty());
}

TEST_CASE("the belongings of a batch go before the thread waits for the next") {
  BatchPool<std::shared_ptr<int>> pool({1, 10, 10}, [](const auto&) {});
  auto belonging = std::make_shared<int>(1);
  const std::weak_ptr<int> seen = belonging;
  REQUIRE(pool.Submit(std::move(belonging)));
  CHECK(Expires(seen));
}
