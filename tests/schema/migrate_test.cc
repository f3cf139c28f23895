#include "schema/migrate.h"

#include <future>

#include "tests/schema/server.h"

using namespace claviger;
using namespace claviger::testing;
using schema::Migration;

namespace {

const std::vector<Migration> kThree = {{1, "0001_a",
                                        "CREATE TABLE a (n int); GRANT SELECT ON a TO claviger_app;"
                                        "GRANT SELECT ON schema_migrations TO claviger_app"},
                                       {2, "0002_b", "CREATE TABLE b (n int)"},
                                       {3, "0003_c", "INSERT INTO a VALUES (3)"}};

std::vector<Migration> First(size_t count) {
  return {kThree.begin(), kThree.begin() + static_cast<long>(count)};
}

// A database of the test's own.
struct Database {
  Database() : name("migrate_" + std::to_string(++made)) { Server().CreateDatabase(name); }
  std::unique_ptr<schema::Connection> Owner() const { return Connect("claviger_owner", name); }
  std::unique_ptr<schema::Connection> Runtime() const { return Connect("claviger_app", name); }

  static inline int made = 0;
  const std::string name;
};

bool TableExists(schema::Connection& connection, const char* name) {
  return Must(connection.Run(Sql("SELECT to_regclass($1) IS NOT NULL"), {name})).Bool(0, 0);
}

template <class T>
std::string Refusal(const Result<T>& result) {
  REQUIRE(!result);
  CHECK(result.error().kind == ErrorKind::kConflict);
  return result.error().detail;
}

}  // namespace

TEST_CASE("an empty database is brought up to date, and a second run changes nothing") {
  const Database database;
  auto owner = database.Owner();
  auto report = Must(schema::Migrate(*owner, kThree));
  CHECK(report.from == 0);
  CHECK(report.to == 3);
  CHECK(Must(owner->Run(Sql("SELECT n FROM a"), {})).size() == 1);

  report = Must(schema::Migrate(*owner, kThree));
  CHECK(report.from == 3);
  CHECK(report.to == 3);
  CHECK(Must(owner->Run(Sql("SELECT n FROM a"), {})).size() == 1);
  CHECK(schema::CheckSchema(*database.Runtime(), kThree));
}

TEST_CASE("only what is missing is applied") {
  const Database database;
  auto owner = database.Owner();
  (void)Must(schema::Migrate(*owner, First(1)));
  const auto report = Must(schema::Migrate(*owner, kThree));
  CHECK(report.from == 1);
  CHECK(report.to == 3);
}

TEST_CASE("two migrators at once apply everything once") {
  const Database database;
  const auto migrate = [&] {
    auto owner = schema::Connection::Open(Server().Config("claviger_owner", database.name), QuietLog());
    REQUIRE(owner);
    return schema::Migrate(*owner.assume_value(), kThree);
  };
  auto other = std::async(std::launch::async, migrate);
  const auto mine = Must(migrate());
  const auto theirs = Must(other.get());
  CHECK(mine.from + theirs.from == 3);
  CHECK(Must(database.Owner()->Run(Sql("SELECT n FROM a"), {})).size() == 1);
}

TEST_CASE("a migrator waits for another longer than for any other lock, and leaves no lock behind") {
  const Database database;
  auto first = database.Owner();
  auto held = Must(first->Begin());
  (void)Must(first->RunScript("SELECT pg_advisory_xact_lock(x'636C617669676572'::bigint)"));
  auto second = std::async(std::launch::async, [&] {
    auto owner = schema::Connection::Open(Server().Config("claviger_owner", database.name), QuietLog());
    REQUIRE(owner);
    return schema::Migrate(*owner.assume_value(), kThree);
  });
  // Longer than the connection's own lock and statement timeouts.
  CHECK(second.wait_for(std::chrono::milliseconds(2500)) == std::future_status::timeout);
  (void)Must(held.Commit());
  CHECK(Must(second.get()).to == 3);
  CHECK(Must(first->Run(Sql("SELECT pg_try_advisory_lock(x'636C617669676572'::bigint)"), {})).Bool(0, 0));
}

TEST_CASE("a migration may take longer than an ordinary statement") {
  const Database database;
  auto owner = database.Owner();
  CHECK(Must(schema::Migrate(*owner, {{1, "0001_slow", "SELECT pg_sleep(1.5)"}})).to == 1);
  CHECK(!owner->Run(Sql("SELECT pg_sleep(1.5)"), {}));
}

TEST_CASE("a migration edited after it was applied is refused by migrate and at start") {
  const Database database;
  auto owner = database.Owner();
  (void)Must(schema::Migrate(*owner, First(2)));
  auto edited = kThree;
  edited[0].sql += " ";
  CHECK(Refusal(schema::Migrate(*owner, edited)).find("0001_a") != std::string::npos);
  CHECK(!TableExists(*owner, "c"));
  edited.pop_back();
  CHECK(Refusal(schema::CheckSchema(*database.Runtime(), edited)).find("0001_a") != std::string::npos);
}

TEST_CASE("a database newer than the program is refused by migrate and at start") {
  const Database database;
  auto owner = database.Owner();
  (void)Must(schema::Migrate(*owner, kThree));
  CHECK(Refusal(schema::Migrate(*owner, First(2))).find("newer") != std::string::npos);
  CHECK(Refusal(schema::CheckSchema(*database.Runtime(), First(2))).find("newer") != std::string::npos);
}

TEST_CASE("an older or empty database is refused at start with the command that helps") {
  const Database database;
  CHECK(Refusal(schema::CheckSchema(*database.Runtime(), kThree)).find("clavigerd migrate") !=
        std::string::npos);
  (void)Must(schema::Migrate(*database.Owner(), First(2)));
  CHECK(Refusal(schema::CheckSchema(*database.Runtime(), kThree)).find("clavigerd migrate") !=
        std::string::npos);
}

TEST_CASE("a database that lacks a migration in the middle is refused") {
  const Database database;
  auto owner = database.Owner();
  (void)Must(schema::Migrate(*owner, kThree));
  (void)Must(owner->RunScript("DELETE FROM schema_migrations WHERE number = 2"));
  CHECK(Refusal(schema::Migrate(*owner, kThree)).find("2") != std::string::npos);
}

TEST_CASE("a failing migration leaves nothing of itself and keeps those before it") {
  const Database database;
  auto owner = database.Owner();
  auto migrations = First(1);
  migrations.push_back({2, "0002_bad", "CREATE TABLE half (n int); SELECT 1 / 0; CREATE TABLE rest (n int)"});
  const auto report = schema::Migrate(*owner, migrations);
  REQUIRE(!report);
  CHECK(report.error().sqlstate == "22012");
  CHECK(report.error().cause.find("0002_bad") != std::string::npos);
  CHECK(TableExists(*owner, "a"));
  CHECK(!TableExists(*owner, "half"));
  CHECK(Must(schema::Migrate(*owner, kThree)).from == 1);
}

TEST_CASE("a migration that ends its transaction is refused and not recorded") {
  const Database database;
  auto owner = database.Owner();
  CHECK(!schema::Migrate(*owner, {{1, "0001_commits", "CREATE TABLE x (n int); COMMIT"}}));
  CHECK(Must(database.Owner()->Run(Sql("SELECT * FROM schema_migrations"), {})).empty());
}

TEST_CASE("migrations that are not numbered without gaps are refused") {
  const Database database;
  auto owner = database.Owner();
  CHECK(!schema::Migrate(*owner, {{2, "0002_b", "SELECT 1"}}));
  CHECK(!TableExists(*owner, "schema_migrations"));
}
