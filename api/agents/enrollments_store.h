#pragma once
// Every SQL statement on enrollments, which belong to no organisation: nobody has looked yet whose address it
// is.

#include <optional>
#include <string>

#include "schema/pg/pg.h"

namespace claviger::api::enrollments_store {

struct Enrollment {
  Uuid id{};  // of the request
  std::string email;
  std::string name;
  std::string description;
  std::string client;  // ClientAddress::text
  Time created_at{};
};

// False if `limit` wait already.
Result<bool> Put(schema::Connection& connection, const Enrollment& enrollment, int64_t limit);
// The one that has been due for longest; it is due again at `next`. Those that another node is claiming are
// passed over.
Result<std::optional<Enrollment>> Claim(schema::Connection& connection, Time now, Time next);
// Removes it; false if it is gone.
Result<bool> Take(schema::Connection& connection, const Uuid& id);
// Removes those from before `before`; returns how many.
Result<int64_t> Purge(schema::Connection& connection, Time before);

}  // namespace claviger::api::enrollments_store
