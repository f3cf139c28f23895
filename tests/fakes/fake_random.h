#pragma once
// Repeatable bytes: a counter run through a mixing function. For known-answer tests only; threads that share
// it get bytes of their own, in an order that nobody knows.

#include <atomic>

#include "base/random.h"

namespace claviger::fakes {

class FakeRandom final : public Random {
 public:
  explicit FakeRandom(uint64_t seed = 1) : state_(seed) {}
  void Fill(std::span<uint8_t> out) override {
    for (uint8_t& byte : out) {
      constexpr uint64_t kStep = 0x9E3779B97F4A7C15;  // splitmix64
      uint64_t z = state_.fetch_add(kStep) + kStep;
      z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
      z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
      byte = static_cast<uint8_t>(z ^ (z >> 31));
    }
  }

 private:
  std::atomic<uint64_t> state_;
};

}  // namespace claviger::fakes
