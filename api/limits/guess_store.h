#pragma once
// Every SQL statement on guess_budgets and familiar_addresses. They belong to the installation: who guesses
// has no organisation yet. Keys are HMACs, 32 bytes.

#include <chrono>
#include <vector>

#include "api/limits/permit.h"
#include "schema/pg/pg.h"

namespace claviger::api::guess_store {

struct Question {
  Bytes account;  // of familiar_addresses; empty: nobody is familiar
  Bytes address;
  uint32_t familiar_days = 0;
  std::chrono::microseconds window{};
  // What to charge if the address is familiar to the account, and if it is not. At most three of each.
  struct Charge {
    Bytes key;
    int64_t cost = 0;  // microseconds; at most the window
    bool familiar = false;
  };
  std::vector<Charge> charges;
};

struct Charged {
  Bytes key;
  bool charged = false;
  int64_t wait = 0;  // microseconds until there is room; 0 or less: now
};
// All that apply, in their order. They are charged from the first on, up to the first without room, each
// exactly; none if it is known beforehand that one has no room.
Result<std::vector<Charged>> Take(schema::Connection& connection, const Question& question);
Status GiveBack(schema::Connection& connection, const Permit& permit);

// Keeps the ten addresses of an account that were used last.
Status Remember(schema::Connection& connection, const Permit& permit);
Status ForgetOthers(schema::Connection& connection, const Permit& permit);

// What is full or forgotten, at most 10000 rows of each.
Status Prune(schema::Connection& connection, uint32_t familiar_days);

}  // namespace claviger::api::guess_store
