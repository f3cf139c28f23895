#pragma once
// What a guess was charged to, so that a guess that turned out right can be given back. Empty: nothing.

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace claviger::api {

struct Permit {
  std::vector<Bytes> keys;     // of guess_budgets, in the order in which they are locked
  std::vector<int64_t> costs;  // microseconds, one for each
  // Of familiar_addresses; empty where there is nothing to remember.
  Bytes account;
  Bytes address;
};

}  // namespace claviger::api
