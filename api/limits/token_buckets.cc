#include "api/limits/token_buckets.h"

#include <algorithm>
#include <functional>

namespace claviger::api {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int kSlotBits = 16;

// splitmix64's last step: every bit of the input reaches every bit of the output.
uint64_t Mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

}  // namespace

TokenBuckets::TokenBuckets(Rate rate, Random& random)
    : cost_(rate.per_second == 0 ? 0 : kSecond / rate.per_second),
      window_(cost_ * rate.burst),
      full_at_(rate.per_second == 0 ? 0 : size_t{1} << kSlotBits) {
  random.Fill({reinterpret_cast<uint8_t*>(&seed_), sizeof seed_});
}

std::chrono::nanoseconds TokenBuckets::Take(std::string_view client, SteadyTime now) {
  if (cost_ == 0) return {};
  const int64_t time = std::chrono::nanoseconds(now.time_since_epoch()).count();
  auto& slot = full_at_[Mix(std::hash<std::string_view>()(client) ^ seed_) >> (64 - kSlotBits)];
  int64_t seen = slot.load(std::memory_order_relaxed);
  while (true) {
    const int64_t full_at = std::max(seen, time) + cost_;
    if (full_at > time + window_) return std::chrono::nanoseconds(full_at - time - window_);
    if (slot.compare_exchange_weak(seen, full_at, std::memory_order_relaxed)) return {};
  }
}

}  // namespace claviger::api
