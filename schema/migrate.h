#pragma once
// Numbered migrations, applied in order under the owner role, each in one transaction, under one advisory
// lock. What was applied is kept in schema_migrations with the SHA-256 of its text.

#include <cstdint>
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
// program, that lacks a migration below its newest, or whose applied migrations have another checksum than
// the built-in ones. A failing migration leaves nothing of itself; those before it stay. A second migrator
// waits for the first, at most a minute (then kUnavailable). `owner` must not be in a transaction.
Result<MigrationReport> Migrate(Connection& owner, const std::vector<Migration>& migrations);

// For the daemon at start: kConflict with a clear detail unless the schema is exactly this program's.
Status CheckSchema(Connection& runtime, const std::vector<Migration>& migrations);

// For the daemon at start: kForbidden with a clear detail if the role could do more than a runtime role may:
// create objects in the schema, own its tables, or change or remove audit records.
Status CheckRuntimeRole(Connection& runtime);

}  // namespace claviger::schema
