#include "tests/schema/server.h"

using namespace claviger;
using namespace claviger::testing;
using Call = schema::Connection::Call;

namespace {

const schema::Statement kInsert{"together.insert", "INSERT INTO together VALUES ($1)"};
const schema::Statement kCount{"together.count", "SELECT count(*) FROM together"};
const schema::Statement kDivide{"together.divide", "SELECT 1 / $1"};

std::unique_ptr<schema::Connection> ConnectToEmptyTable() {
  auto connection = Connect();
  (void)Must(
      connection->RunScript("DROP TABLE IF EXISTS together; "
                            "CREATE TABLE together (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)"));
  return connection;
}

int64_t Count() { return Must(Connect()->Run(kCount, {})).Int8(0, 0); }

}  // namespace

TEST_CASE("calls run together answer in order and all take effect") {
  auto connection = ConnectToEmptyTable();
  const auto rows = Must(connection->RunTogether(
      {Call{kInsert, {1}}, Call{kCount, {}}, Call{kInsert, {2}}, Call{kCount, {}}, Call{kDivide, {1}}}));
  REQUIRE(rows.size() == 5);
  CHECK(rows[0].affected() == 1);
  CHECK(rows[1].Int8(0, 0) == 1);
  CHECK(rows[3].Int8(0, 0) == 2);
  CHECK(rows[4].Int4(0, 0) == 1);
  CHECK(Count() == 2);
}

TEST_CASE("one failing call undoes all, and its error is the one reported") {
  auto connection = ConnectToEmptyTable();
  for (int round = 0; round < 2; ++round) {  // with statements not yet prepared, then prepared
    const auto rows = connection->RunTogether(
        {Call{kInsert, {1}}, Call{kDivide, {0}}, Call{kCount, {}}, Call{Sql("SELECT nonsense"), {}}});
    REQUIRE(!rows);
    CHECK(rows.error().sqlstate == "22012");
    CHECK(!connection->broken());
    CHECK(Count() == 0);
  }
}

TEST_CASE("after a failure the connection knows which statements it has prepared") {
  auto connection = ConnectToEmptyTable();
  // kInsert and kDivide are prepared before the failure, kCount is not.
  CHECK(!connection->RunTogether({Call{kInsert, {1}}, Call{kDivide, {0}}, Call{kCount, {}}}));
  CHECK(Must(connection->Run(kCount, {})).Int8(0, 0) == 0);
  CHECK(Must(connection->Run(kInsert, {1})).affected() == 1);
  CHECK(Must(connection->Run(kDivide, {1})).Int4(0, 0) == 1);
  const auto rows = Must(connection->RunTogether({Call{kDivide, {1}}, Call{kInsert, {2}}, Call{kCount, {}}}));
  CHECK(rows[2].Int8(0, 0) == 2);
}

TEST_CASE("a statement that does not parse fails the whole and can be followed by others") {
  auto connection = ConnectToEmptyTable();
  const auto rows =
      connection->RunTogether({Call{kInsert, {1}}, Call{Sql("SELEC 1"), {}}, Call{kInsert, {2}}});
  REQUIRE(!rows);
  CHECK(rows.error().sqlstate == "42601");
  CHECK(Count() == 0);
  (void)Must(connection->RunTogether({Call{kInsert, {1}}, Call{kInsert, {2}}}));
  CHECK(Count() == 2);
}

TEST_CASE("a violation found only at the end fails the whole") {
  auto connection = ConnectToEmptyTable();
  const auto rows = connection->RunTogether({Call{kInsert, {1}}, Call{kInsert, {1}}});
  REQUIRE(!rows);
  CHECK(rows.error().kind == ErrorKind::kConflict);
  CHECK(rows.error().sqlstate == "23505");
  CHECK(Count() == 0);
  CHECK(!connection->broken());
  (void)Must(connection->RunTogether({Call{kInsert, {1}}, Call{kCount, {}}}));
  CHECK(Count() == 1);
}

TEST_CASE("nothing to run together is nothing") {
  auto connection = Connect();
  CHECK(Must(connection->RunTogether({})).empty());
}

TEST_CASE("many calls with large parameters and large answers do not block each other") {
  auto connection = ConnectPatiently();
  const schema::Statement echo{"together.echo", "SELECT $1"};
  const Bytes large(1 << 20, 0x5A);
  std::vector<Call> calls;
  for (int i = 0; i < 12; ++i) calls.push_back({echo, {large}});
  const auto rows = Must(connection->RunTogether(calls));
  REQUIRE(rows.size() == 12);
  for (const auto& row : rows) CHECK(AsText(row.Blob(0, 0)) == AsText(large));
}

TEST_CASE("a backend that dies on the way makes the whole unavailable and undone") {
  auto connection = ConnectToEmptyTable();
  const auto rows = connection->RunTogether({Call{kInsert, {1}},
                                             Call{Sql("SELECT pg_terminate_backend(pg_backend_pid())"), {}},
                                             Call{kInsert, {2}}});
  REQUIRE(!rows);
  CHECK(rows.error().kind == ErrorKind::kUnavailable);
  CHECK(connection->broken());
  CHECK(Count() == 0);
  const auto again = connection->RunTogether({Call{kInsert, {1}}});
  REQUIRE(!again);
  CHECK(again.error().kind == ErrorKind::kUnavailable);
}

TEST_CASE("a call that runs too long undoes the whole") {
  auto connection = ConnectToEmptyTable();
  const auto rows = connection->RunTogether({Call{kInsert, {1}}, Call{Sql("SELECT pg_sleep(30)"), {}}});
  REQUIRE(!rows);
  CHECK(rows.error().kind == ErrorKind::kUnavailable);
  CHECK(rows.error().sqlstate == "57014");
  CHECK(Count() == 0);
  (void)Must(connection->Run(kInsert, {1}));
}
