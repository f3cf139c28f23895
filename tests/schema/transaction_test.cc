#include "tests/schema/server.h"

using namespace claviger;
using namespace claviger::testing;

namespace {

// A fresh table `t (n int)`; how many rows it has as others see it.
struct Table {
  Table() : observer(Connect()) {
    (void)Must(observer->RunScript(
        "DROP TABLE IF EXISTS t; CREATE TABLE t (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)"));
  }
  int64_t Count() { return Must(observer->Run(Sql("SELECT count(*) FROM t"), {})).Int8(0, 0); }
  std::unique_ptr<schema::Connection> observer;
};

const schema::Statement kInsert{"insert", "INSERT INTO t VALUES ($1)"};

}  // namespace

TEST_CASE("what is committed is visible, and only then") {
  Table table;
  auto connection = Connect();
  auto transaction = Must(connection->Begin());
  (void)Must(connection->Run(kInsert, {1}));
  CHECK(table.Count() == 0);
  (void)Must(transaction.Commit());
  CHECK(table.Count() == 1);
}

TEST_CASE("a transaction that goes out of scope is rolled back and leaves the connection usable") {
  Table table;
  auto connection = Connect();
  {
    auto transaction = Must(connection->Begin());
    (void)Must(connection->Run(kInsert, {1}));
  }
  CHECK(table.Count() == 0);
  (void)Must(connection->Run(kInsert, {2}));
  CHECK(table.Count() == 1);
}

TEST_CASE("a transaction in which a statement failed cannot be committed") {
  Table table;
  auto connection = Connect();
  auto transaction = Must(connection->Begin());
  (void)Must(connection->Run(kInsert, {1}));
  CHECK(!connection->Run(Sql("SELECT 1 / 0"), {}));
  const auto later = connection->Run(kInsert, {2});
  REQUIRE(!later);
  CHECK(later.error().sqlstate == "25P02");
  const auto commit = transaction.Commit();
  REQUIRE(!commit);
  CHECK(commit.error().kind == ErrorKind::kInternal);
  CHECK(table.Count() == 0);
  (void)Must(connection->Run(kInsert, {3}));
  CHECK(table.Count() == 1);
}

TEST_CASE("a violation found at commit fails the commit") {
  Table table;
  auto connection = Connect();
  auto transaction = Must(connection->Begin());
  (void)Must(connection->Run(kInsert, {1}));
  (void)Must(connection->Run(kInsert, {1}));
  const auto commit = transaction.Commit();
  REQUIRE(!commit);
  CHECK(commit.error().kind == ErrorKind::kConflict);
  CHECK(table.Count() == 0);
}

TEST_CASE("transactions do not nest, and end once") {
  auto connection = Connect();
  auto transaction = Must(connection->Begin());
  CHECK(!connection->Begin());
  CHECK(!connection->RunTogether({{Sql("SELECT 1"), {}}}));
  (void)Must(transaction.Commit());
  CHECK(!transaction.Commit());
}

TEST_CASE("a script that opens or ends a transaction behind our back costs the connection") {
  auto connection = Connect();
  CHECK(!connection->RunScript("BEGIN"));
  CHECK(connection->broken());

  connection = Connect();
  auto transaction = Must(connection->Begin());
  CHECK(!connection->RunScript("COMMIT"));
  CHECK(connection->broken());
  CHECK(!transaction.Commit());
}

TEST_CASE("a failed script takes nothing of itself into effect") {
  Table table;
  auto connection = Connect();
  CHECK(!connection->RunScript("INSERT INTO t VALUES (1); SELECT 1 / 0; INSERT INTO t VALUES (2)"));
  CHECK(table.Count() == 0);
  CHECK(!connection->broken());
}

TEST_CASE("a backend that dies at commit makes the commit unavailable") {
  Table table;
  (void)Must(table.observer->RunScript(
      "CREATE OR REPLACE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS "
      "$$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$; "
      "CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED "
      "FOR EACH ROW EXECUTE FUNCTION die()"));
  auto connection = Connect();
  auto transaction = Must(connection->Begin());
  (void)Must(connection->Run(kInsert, {1}));
  const auto commit = transaction.Commit();
  REQUIRE(!commit);
  CHECK(commit.error().kind == ErrorKind::kUnavailable);
  CHECK(connection->broken());
  CHECK(table.Count() == 0);
}
