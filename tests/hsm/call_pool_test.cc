// The threads in front of the module: limits, deadlines, the gate, and threads that never come back.

#include "hsm/call_pool.h"

#include <doctest/doctest.h>

#include <atomic>
#include <latch>
#include <vector>

using namespace claviger;
using namespace claviger::hsm;
using Ending = CallPool::Ending;

namespace {

SteadyTime In(int milliseconds) {
  return std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds);
}
SteadyTime Ample() { return In(20'000); }

std::shared_ptr<CallFor<int>> Answering(int answer) {
  return std::make_shared<CallFor<int>>([answer] { return answer; });
}

// A call that stays inside until it is let out.
struct Stuck {
  std::shared_ptr<std::latch> exit = std::make_shared<std::latch>(1);
  std::shared_ptr<std::latch> entered = std::make_shared<std::latch>(1);
  std::shared_ptr<CallFor<int>> call = std::make_shared<CallFor<int>>([exit = exit, entered = entered] {
    entered->count_down();
    exit->wait();
    return 1;
  });
};

// Gives up a call that is known to be inside.
Ending GiveUp(CallPool& pool, const Stuck& stuck) {
  REQUIRE(pool.Start(stuck.call));
  stuck.entered->wait();
  return pool.Await(stuck.call, Ample(), In(20));
}

}  // namespace

TEST_CASE("A call gives its result") {
  CallPool pool({1, 4});
  const auto call = Answering(42);
  REQUIRE(pool.Run(call, Ample(), Ample()) == Ending::kDone);
  CHECK(call->Take() == 42);
}

TEST_CASE("A call that does not return is given up, its thread replaced, and its return reported") {
  CallPool pool({1, 4});
  std::atomic<int> returned{0};
  pool.OnReturn([&] {
    ++returned;
    returned.notify_all();
  });
  Stuck stuck;
  REQUIRE(GiveUp(pool, stuck) == Ending::kHung);
  CHECK(pool.hung() == 1);
  CHECK(pool.Run(Answering(1), Ample(), Ample()) == Ending::kDone);
  stuck.exit->count_down();
  returned.wait(0);
  CHECK(pool.hung() == 0);
  CHECK(stuck.call->done());
}

TEST_CASE("Hung threads are replaced only so often") {
  CallPool pool({1, 4});
  std::vector<Stuck> stuck(2);
  for (Stuck& one : stuck) REQUIRE(GiveUp(pool, one) == Ending::kHung);
  CHECK(pool.Run(Answering(1), In(20), Ample()) == Ending::kBusy);
  stuck[0].exit->count_down();
  CHECK(pool.Run(Answering(1), Ample(), Ample()) == Ending::kDone);
  stuck[1].exit->count_down();
}

TEST_CASE("A call that finds no thread in time never runs") {
  CallPool pool({1, 4});
  Stuck stuck;
  std::jthread occupant([&] { pool.Run(stuck.call, Ample(), Ample()); });
  stuck.entered->wait();
  std::atomic<bool> ran{false};
  const auto late = std::make_shared<CallFor<int>>([&ran] { return ran = true, 1; });
  CHECK(pool.Run(late, In(20), Ample()) == Ending::kBusy);
  stuck.exit->count_down();
  occupant.join();
  CHECK(pool.Run(Answering(1), Ample(), Ample()) == Ending::kDone);
  CHECK_FALSE(ran);
}

TEST_CASE("A full queue refuses at once, except what goes first") {
  CallPool pool({1, 0});
  Stuck stuck;
  std::jthread occupant([&] { pool.Run(stuck.call, Ample(), Ample(), CallPool::Order::kFirst); });
  stuck.entered->wait();
  CHECK(pool.Run(Answering(1), Ample(), Ample()) == Ending::kBusy);
  const auto first = Answering(2);
  std::jthread urgent([&] { pool.Run(first, Ample(), Ample(), CallPool::Order::kFirst); });
  stuck.exit->count_down();
  urgent.join();
  CHECK(first->done());
}

TEST_CASE("Calls that are started before any is awaited run side by side") {
  CallPool pool({3, 4});
  const auto meeting = std::make_shared<std::latch>(3);
  std::vector<std::shared_ptr<CallFor<int>>> calls;
  for (int i = 0; i < 3; ++i) {
    calls.push_back(std::make_shared<CallFor<int>>([meeting, i] { return meeting->arrive_and_wait(), i; }));
    REQUIRE(pool.Start(calls.back()));
  }
  for (int i = 0; i < 3; ++i) {
    REQUIRE(pool.Await(calls[i], Ample(), Ample()) == Ending::kDone);
    CHECK(calls[i]->Take() == i);
  }
}

TEST_CASE("Started calls may be awaited in any order") {
  CallPool pool({2, 4});
  Stuck stuck;
  const auto quick = Answering(2);
  REQUIRE(pool.Start(stuck.call));
  REQUIRE(pool.Start(quick));
  CHECK(pool.Await(quick, Ample(), Ample()) == Ending::kDone);
  stuck.exit->count_down();
  CHECK(pool.Await(stuck.call, Ample(), Ample()) == Ending::kDone);
}

TEST_CASE("A full queue starts nothing, and what it holds is done") {
  CallPool pool({1, 1});
  Stuck stuck;
  REQUIRE(pool.Start(stuck.call));
  stuck.entered->wait();
  const auto waiting = Answering(1), refused = Answering(2);
  REQUIRE(pool.Start(waiting));
  CHECK_FALSE(pool.Start(refused));
  stuck.exit->count_down();
  CHECK(pool.Await(waiting, Ample(), Ample()) == Ending::kDone);
  CHECK(pool.Await(stuck.call, Ample(), Ample()) == Ending::kDone);
  CHECK_FALSE(refused->done());
}

TEST_CASE("Of several started calls each is withdrawn or given up for itself") {
  CallPool pool({2, 4});
  std::vector<Stuck> stuck(2);
  for (Stuck& one : stuck) {
    REQUIRE(pool.Start(one.call));
    one.entered->wait();
  }
  std::atomic<bool> ran{false};
  const auto late = std::make_shared<CallFor<int>>([&ran] { return ran = true, 1; });
  REQUIRE(pool.Start(late));
  CHECK(pool.Await(stuck[0].call, Ample(), In(20)) == Ending::kHung);
  CHECK(pool.hung() == 1);
  CHECK(pool.Await(late, In(0), Ample()) == Ending::kBusy);
  stuck[0].exit->count_down();
  stuck[1].exit->count_down();
  CHECK(pool.Await(stuck[1].call, Ample(), Ample()) == Ending::kDone);
  CHECK(pool.Run(Answering(1), Ample(), Ample()) == Ending::kDone);
  CHECK_FALSE(ran);
}

TEST_CASE("A call that runs alone waits for the others and keeps them out") {
  CallPool pool({4, 64});
  std::atomic<int> inside{0};
  std::atomic<int> together{0};
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) {
        const auto call = std::make_shared<CallFor<int>>([&] {
          ++inside;
          std::this_thread::yield();
          return --inside;
        });
        CHECK(pool.Run(call, Ample(), Ample()) == Ending::kDone);
      }
    });
  }
  for (int i = 0; i < 20; ++i) {
    const auto alone = std::make_shared<CallFor<int>>([&] {
      if (inside != 0) ++together;
      std::this_thread::yield();
      if (inside != 0) ++together;
      return 0;
    });
    CHECK(pool.RunAlone(alone, Ample(), Ample()) == Ending::kDone);
  }
  threads.clear();
  CHECK(together == 0);
}

TEST_CASE("Nothing runs alone while a call is stuck inside, and the others go on") {
  CallPool pool({2, 4});
  Stuck stuck;
  REQUIRE(GiveUp(pool, stuck) == Ending::kHung);
  CHECK(pool.RunAlone(Answering(1), In(20), Ample()) == Ending::kBusy);
  CHECK(pool.Run(Answering(1), Ample(), Ample()) == Ending::kDone);
  stuck.exit->count_down();
  CHECK(pool.RunAlone(Answering(1), Ample(), Ample()) == Ending::kDone);
}

TEST_CASE("While a call that runs alone hangs nothing else starts; when it returns the gate opens") {
  CallPool pool({2, 4});
  Stuck stuck;
  REQUIRE(pool.RunAlone(stuck.call, Ample(), In(1000)) == Ending::kHung);  // it may be slow to begin
  CHECK(pool.Run(Answering(1), In(20), Ample()) == Ending::kBusy);
  CHECK(pool.RunAlone(Answering(1), In(20), Ample()) == Ending::kBusy);
  stuck.exit->count_down();
  CHECK(pool.Run(Answering(1), Ample(), Ample()) == Ending::kDone);
}

TEST_CASE("A pool goes although a call is stuck, and the call keeps what it uses") {
  Stuck stuck;
  {
    CallPool pool({1, 4});
    REQUIRE(GiveUp(pool, stuck) == Ending::kHung);
  }
  CHECK_FALSE(stuck.call->done());
  stuck.exit->count_down();
  while (!stuck.call->done()) std::this_thread::yield();
}
