#pragma once
// Token buckets of this node alone, one for each client: never blocks, never allocates, never grows.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/random.h"

namespace claviger::api {

struct Rate {
  uint32_t per_second = 0;  // 0: no limit
  uint32_t burst = 1;
};

// A table of fixed size, indexed by a hash that nobody can foretell: two clients share a bucket with
// probability 1 in 65536, and nobody can choose with whom. Of a bucket only the time is kept at which it will
// be full again.
class TokenBuckets {
 public:
  TokenBuckets(Rate rate, Random& random);
  // Takes one token, or takes none and says how long it is until there is one.
  std::chrono::nanoseconds Take(std::string_view client, SteadyTime now);

 private:
  const int64_t cost_;    // nanoseconds a token; 0: no limit
  const int64_t window_;  // nanoseconds from empty to full
  uint64_t seed_ = 0;
  std::vector<std::atomic<int64_t>> full_at_;  // steady clock, nanoseconds
};

}  // namespace claviger::api
