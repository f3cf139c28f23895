#include "schema/migrate.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace claviger::schema {
namespace {

using std::chrono::milliseconds;

// "claviger" in ASCII: the advisory lock that migrators share.
constexpr int64_t kLockKey = 0x636C617669676572;
constexpr milliseconds kLockWait{60'000};
constexpr milliseconds kMigrationLimit{600'000};

constexpr Statement kUnlock{"migrations.unlock", "SELECT pg_advisory_unlock($1)"};
constexpr Statement kTableExists{"migrations.exists",
                                 "SELECT to_regclass('public.schema_migrations') IS NOT NULL"};
constexpr const char* kCreateTable = R"(
  CREATE TABLE schema_migrations (
    number     integer PRIMARY KEY CHECK (number >= 1),
    name       text NOT NULL,
    checksum   bytea NOT NULL CHECK (octet_length(checksum) = 32),
    applied_at timestamptz NOT NULL DEFAULT now()
  ))";
constexpr Statement kApplied{"migrations.applied",
                             "SELECT number, checksum FROM schema_migrations ORDER BY number"};
constexpr Statement kChecksums{"migrations.checksums",
                               "SELECT sha256(sql) FROM unnest($1) WITH ORDINALITY AS m (sql, n) ORDER BY n"};
constexpr Statement kRecord{
    "migrations.record",
    "INSERT INTO schema_migrations (number, name, checksum) VALUES ($1, $2, sha256($3))"};

// Limits that hold until the end of the transaction. Waits for table locks stay as short as everywhere: a
// migration that queues for a lock blocks everybody behind it.
std::string LocalStatementTimeout(milliseconds limit) {
  return fmt::format("SET LOCAL statement_timeout = {};", limit.count());
}

// Holds the advisory lock of the session; released with the scope, or by the server with the connection.
class MigrationLock {
 public:
  static Result<MigrationLock> Take(Connection& owner) {
    TRY(auto transaction, owner.Begin());
    TRYV(owner.RunScript(LocalStatementTimeout(kLockWait) +
                             fmt::format("SET LOCAL lock_timeout = {}; SELECT pg_advisory_lock({})",
                                         kLockWait.count(), kLockKey),
                         kLockWait + kAnswerMargin));
    TRYV(transaction.Commit());
    return MigrationLock(owner);
  }
  MigrationLock(MigrationLock&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)) {}
  MigrationLock& operator=(MigrationLock&&) = delete;
  ~MigrationLock() {
    if (owner_ != nullptr && !owner_->broken()) (void)owner_->Run(kUnlock, {kLockKey});
  }

 private:
  explicit MigrationLock(Connection& owner) : owner_(&owner) {}
  Connection* owner_;
};

Status EnsureTable(Connection& owner) {
  TRY(const auto exists, owner.Run(kTableExists, {}));
  if (exists.Bool(0, 0)) return Ok();
  return owner.RunScript(kCreateTable);
}

// Compares what is applied with what this program has; the number of applied migrations, or kConflict.
Result<uint32_t> CountApplied(Connection& connection, const std::vector<Migration>& migrations) {
  std::vector<Bytes> texts;
  for (const Migration& migration : migrations) {
    const ByteView sql = AsBytes(migration.sql);
    texts.emplace_back(sql.begin(), sql.end());
  }
  TRY(const auto checksums, connection.Run(kChecksums, {Param::ByteaArray(texts)}));
  TRY(const auto applied, connection.Run(kApplied, {}));
  const auto count = static_cast<uint32_t>(applied.size());
  for (int i = 0; i < applied.size(); ++i) {
    if (applied.Int4(i, 0) != i + 1)
      return Conflict(fmt::format("The database lacks migration {} although a later one is applied", i + 1));
  }
  if (count > migrations.size())
    return Conflict(fmt::format("The database schema (version {}) is newer than this program (version {})",
                                count, migrations.size()));
  for (int i = 0; i < applied.size(); ++i) {
    if (AsText(applied.Blob(i, 1)) != AsText(checksums.Blob(i, 0)))
      return Conflict(
          fmt::format("Migration {} was applied to the database with another text than this program has",
                      migrations[static_cast<size_t>(i)].name));
  }
  return count;
}

Status Apply(Connection& owner, const Migration& migration) {
  TRY(auto transaction, owner.Begin());
  auto applied = owner.RunScript(LocalStatementTimeout(kMigrationLimit) + migration.sql,
                                 kMigrationLimit + kAnswerMargin);
  if (!applied) {
    Error error = std::move(applied).assume_error();
    error.cause = migration.name + ": " + error.cause;
    return error;
  }
  TRYV(owner.Run(kRecord, {migration.number, migration.name, AsBytes(migration.sql)}));
  return transaction.Commit();
}

Status CheckNumbering(const std::vector<Migration>& migrations) {
  for (size_t i = 0; i < migrations.size(); ++i) {
    if (migrations[i].number != i + 1)
      return Internal("migrations must be numbered 1, 2, 3, ... without gaps");
  }
  return Ok();
}

}  // namespace

Result<MigrationReport> Migrate(Connection& owner, const std::vector<Migration>& migrations) {
  TRYV(CheckNumbering(migrations));
  TRY(const auto lock, MigrationLock::Take(owner));
  TRYV(EnsureTable(owner));
  MigrationReport report;
  TRY(report.from, CountApplied(owner, migrations));
  report.to = report.from;
  for (; report.to < migrations.size(); ++report.to) {
    TRYV(Apply(owner, migrations[report.to]));
  }
  return report;
}

Status CheckSchema(Connection& runtime, const std::vector<Migration>& migrations) {
  TRYV(CheckNumbering(migrations));
  TRY(const auto exists, runtime.Run(kTableExists, {}));
  if (!exists.Bool(0, 0)) return Conflict("The database has no Claviger schema; run `clavigerd migrate`");
  TRY(const uint32_t applied, CountApplied(runtime, migrations));
  if (applied != migrations.size())
    return Conflict(
        fmt::format("The database schema (version {}) is older than this program (version {}); run "
                    "`clavigerd migrate`",
                    applied, migrations.size()));
  return Ok();
}

}  // namespace claviger::schema
