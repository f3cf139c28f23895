#pragma once
// What rotations of all kinds share: how fast they go, and what stops them.

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "base/error.h"

namespace claviger::api {

struct Pace {
  uint32_t per_second = 0;  // what one node seals anew, at most; 0: as much as it can

  // How many to take at once, of `most`.
  int64_t Batch(int64_t most) const { return per_second == 0 ? most : std::min<int64_t>(most, per_second); }
  // How long so many are to take, at least. Not for a pace without limit.
  std::chrono::microseconds TimeFor(size_t count) const {
    return std::chrono::microseconds(count * 1'000'000 / per_second);
  }
};

// Worth trying again; anything else needs a person.
inline bool Passes(const Error& error) {
  return error.kind == ErrorKind::kUnavailable || error.kind == ErrorKind::kConflict;
}

}  // namespace claviger::api
