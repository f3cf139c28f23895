#pragma once

namespace claviger::schema {

// One parameterised SQL statement. `name` (at most 60 bytes) and `sql` have static storage; it is prepared
// under its name at first use on each connection.
struct Statement {
  const char* name;
  const char* sql;
  // True if repeating it after a lost connection does no harm (plain SELECTs). Only those are ever retried.
  bool idempotent = false;
};

}  // namespace claviger::schema
