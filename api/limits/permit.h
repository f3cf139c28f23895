#pragma once
// What an admission says: what a guess was charged to, so that a guess that turned out right can be given
// back (empty: nothing), and where the request goes on.

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
  // The handler will not do this time what its route's own pool is there for: it runs where the request was
  // admitted.
  bool at_once = false;
};

}  // namespace claviger::api
