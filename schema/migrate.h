#pragma once
// Numbered migrations, applied in order under the owner role, each in one transaction, under one advisory
// lock.

#include <string>
#include <vector>

#include "schema/pg/pg.h"

namespace claviger::schema {

struct Migration {
  uint32_t number;   // 1, 2, 3, ... without gaps
  std::string name;  // "0001_base"
  std::string sql;
};

// The migrations built into this program (schema/migrations/*.sql), ascending.
const std::vector<Migration>& BuiltInMigrations();

struct MigrationReport {
  uint32_t from = 0;
  uint32_t to = 0;
};
// Applies what is missing. Refuses (kConflict, with a clear detail) a database that is newer than this
// program, or whose applied migrations have another checksum than the built-in ones.
Result<MigrationReport> Migrate(Connection& owner, const std::vector<Migration>& migrations);

// For the daemon at start: kConflict with a clear detail unless the schema is exactly this program's.
Status CheckSchema(Connection& runtime, const std::vector<Migration>& migrations);

}  // namespace claviger::schema
