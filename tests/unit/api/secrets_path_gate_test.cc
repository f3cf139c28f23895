#include <doctest/doctest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "api/secrets/path_gate.h"

using namespace claviger;
using namespace claviger::api;

TEST_CASE("one path has one writer at a time, another path is free") {
  PathGate gate(std::chrono::milliseconds(1));
  const auto first = gate.Enter("a");
  REQUIRE(first);
  const auto second = gate.Enter("a");
  REQUIRE_FALSE(second);
  CHECK(second.error().kind == ErrorKind::kUnavailable);
  CHECK(gate.Enter("b"));
}

TEST_CASE("a turn ends when it goes out of scope, also after it was moved") {
  PathGate gate(std::chrono::milliseconds(1));
  {
    auto turn = gate.Enter("a");
    REQUIRE(turn);
    const PathGate::Turn moved = std::move(turn).value();
    CHECK_FALSE(gate.Enter("a"));
  }
  CHECK(gate.Enter("a"));
}

TEST_CASE("writers of one path take turns and none is lost") {
  PathGate gate(std::chrono::milliseconds(60000));
  std::atomic<int> inside{0};
  std::atomic<bool> overlapped{false};
  int written = 0;  // guarded by the gate: the thread sanitizer sees if it does not hold
  std::vector<std::thread> writers;
  for (int i = 0; i < 8; ++i) {
    writers.emplace_back([&] {
      for (int round = 0; round < 50; ++round) {
        const auto turn = gate.Enter("a");
        if (!turn || ++inside != 1) overlapped = true;
        ++written;
        --inside;
      }
    });
  }
  for (auto& writer : writers) writer.join();
  CHECK_FALSE(overlapped);
  CHECK(written == 400);
}
