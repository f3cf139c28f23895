#include <future>

#include "schema/pg/sqlstate.h"
#include "tests/schema/server.h"

using namespace claviger;
using namespace claviger::testing;

namespace {

std::string Setting(schema::Connection& connection, const char* name) {
  return std::string(Must(connection.Run(Sql("SELECT current_setting($1)"), {name})).Text(0, 0));
}

// What the server does with an error of this SQLSTATE.
Error Raised(schema::Connection& connection, const std::string& sqlstate) {
  const auto status = connection.RunScript("DO $$ BEGIN RAISE EXCEPTION 'value 4711' USING ERRCODE = '" +
                                           sqlstate + "'; END $$");
  REQUIRE(!status);
  return status.error();
}

}  // namespace

TEST_CASE("a connection has the session settings that all of the program relies on") {
  auto connection = Connect();
  CHECK(Setting(*connection, "statement_timeout") == "1s");
  CHECK(Setting(*connection, "lock_timeout") == "300ms");
  CHECK(Setting(*connection, "idle_in_transaction_session_timeout") == "10s");
  CHECK(Setting(*connection, "TimeZone") == "UTC");
  CHECK(Setting(*connection, "search_path") == "public,pg_temp");
  CHECK(Setting(*connection, "transaction_isolation") == "read committed");
  CHECK(Setting(*connection, "synchronous_commit") == "on");
  CHECK(Setting(*connection, "client_encoding") == "UTF8");
  CHECK(Setting(*connection, "application_name") == "claviger");
}

// They hold for TCP: over a Unix socket the server shows 0, and keeps what it was told beside it.
TEST_CASE("a connection tells the server to look after a client that fell silent") {
  auto connection = Connect();
  const auto told = [&](const char* name) {
    return std::string(
        Must(connection->Run(Sql("SELECT reset_val FROM pg_settings WHERE name = $1"), {name})).Text(0, 0));
  };
  CHECK(told("tcp_keepalives_idle") == "15");
  CHECK(told("tcp_keepalives_interval") == "5");
  CHECK(told("tcp_keepalives_count") == "3");
  CHECK(told("tcp_user_timeout") == "30000");
}

TEST_CASE("the role's own settings do not override ours") {
  auto connection = Connect();
  (void)Must(
      connection->RunScript("ALTER ROLE claviger_app SET synchronous_commit = off; "
                            "ALTER ROLE claviger_app SET statement_timeout = 0"));
  auto runtime = Connect("claviger_app");
  CHECK(Setting(*runtime, "synchronous_commit") == "on");
  CHECK(Setting(*runtime, "statement_timeout") == "1s");
  (void)Must(connection->RunScript("ALTER ROLE claviger_app RESET ALL"));
}

TEST_CASE("a connection string with a password, or that is none, is refused without quoting it") {
  for (const std::string text :
       {"host=/tmp password=hunter2", "sslpassword=hunter2", "postgresql://u:hunter2@/x", "hunter2 = = ="}) {
    const auto status = schema::CheckConninfo(text);
    REQUIRE(!status);
    CHECK(status.error().kind == ErrorKind::kInvalid);
    CHECK((status.error().detail + status.error().cause).find("hunter2") == std::string::npos);
  }
  CHECK(schema::CheckConninfo("host=/run/postgresql dbname=claviger user=claviger_app"));
}

TEST_CASE("a server that is not there is unavailable") {
  schema::PgConfig config = Server().Config("postgres");
  config.conninfo = "host=/nonexistent dbname=claviger";
  const auto connection = schema::Connection::Open(config, QuietLog());
  REQUIRE(!connection);
  CHECK(connection.error().kind == ErrorKind::kUnavailable);
  CHECK(connection.error().sqlstate == "08001");
}

TEST_CASE("each SQLSTATE becomes the kind that callers act upon") {
  auto connection = Connect();
  for (const char* sqlstate : {"08006", "25006", "40001", "40P01", "53100", "53200", "53300", "55P03",
                               "57014", "57P01", "57P03", "58030"}) {
    CAPTURE(sqlstate);
    const Error error = Raised(*connection, sqlstate);
    CHECK(error.kind == ErrorKind::kUnavailable);
    CHECK(error.sqlstate == sqlstate);
  }
  for (const char* sqlstate : {"23505", "23503"})
    CHECK(Raised(*connection, sqlstate).kind == ErrorKind::kConflict);
  for (const char* sqlstate : {"23502", "23514", "22012", "42601", "42501", "P0001", "XX000", "55000"})
    CHECK(Raised(*connection, sqlstate).kind == ErrorKind::kInternal);
  CHECK(!connection->broken());
}

TEST_CASE("an error names its constraint and never the row's values") {
  auto connection = Connect();
  (void)Must(connection->RunScript(
      "CREATE TEMP TABLE people (email text CONSTRAINT one_email UNIQUE); "
      "CREATE TEMP TABLE pets (owner text CONSTRAINT has_owner REFERENCES people (email)); "
      "INSERT INTO people VALUES ('eve@example.com')"));
  const auto twice = connection->Run(Sql("INSERT INTO people VALUES ($1)"), {"eve@example.com"});
  REQUIRE(!twice);
  CHECK(twice.error().kind == ErrorKind::kConflict);
  CHECK(twice.error().sqlstate == "23505");
  CHECK(twice.error().cause.find("one_email") != std::string::npos);
  CHECK(twice.error().cause.find("eve@") == std::string::npos);

  const auto orphan = connection->Run(Sql("INSERT INTO pets VALUES ($1)"), {"mallory@example.com"});
  REQUIRE(!orphan);
  CHECK(orphan.error().kind == ErrorKind::kConflict);
  CHECK(orphan.error().sqlstate == "23503");
  CHECK(orphan.error().cause.find("has_owner") != std::string::npos);
  CHECK(orphan.error().cause.find("mallory") == std::string::npos);

  const auto malformed = connection->Run(Sql("SELECT $1::int"), {"topsecret"});
  REQUIRE(!malformed);
  CHECK(malformed.error().cause.find("topsecret") == std::string::npos);
}

TEST_CASE("a statement that runs too long is cut off by the server and the connection stays usable") {
  auto connection = Connect();
  const auto rows = connection->Run(Sql("SELECT pg_sleep(30)"), {});
  REQUIRE(!rows);
  CHECK(rows.error().kind == ErrorKind::kUnavailable);
  CHECK(rows.error().sqlstate == "57014");
  CHECK(Must(connection->Run(Sql("SELECT 1"), {})).Int4(0, 0) == 1);
}

TEST_CASE("a lock that is not given in time is unavailable") {
  auto holder = Connect();
  auto waiter = Connect();
  (void)Must(holder->RunScript("CREATE TABLE IF NOT EXISTS locked (id int)"));
  auto transaction = Must(holder->Begin());
  (void)Must(holder->RunScript("LOCK TABLE locked"));
  const auto rows = waiter->Run(Sql("SELECT count(*) FROM locked"), {});
  REQUIRE(!rows);
  CHECK(rows.error().kind == ErrorKind::kUnavailable);
  CHECK(rows.error().sqlstate == "55P03");
}

TEST_CASE("of two transactions in a deadlock one is unavailable and the other goes on") {
  schema::PgConfig config = Server().Config("postgres");
  config.lock_timeout = std::chrono::milliseconds(5000);
  config.statement_timeout = std::chrono::milliseconds(5000);
  auto first = Must(schema::Connection::Open(config, QuietLog()));
  auto second = Must(schema::Connection::Open(config, QuietLog()));
  (void)Must(
      first->RunScript("DROP TABLE IF EXISTS pair; CREATE TABLE pair (id int PRIMARY KEY, n int); "
                       "INSERT INTO pair VALUES (1, 0), (2, 0)"));
  const auto update = Sql("UPDATE pair SET n = n + 1 WHERE id = $1");
  auto one = Must(first->Begin());
  auto two = Must(second->Begin());
  (void)Must(first->Run(update, {1}));
  (void)Must(second->Run(update, {2}));
  // Either may be the victim; its transaction then ends, so that the other can proceed.
  const auto finish = [&update](schema::Connection& connection, auto transaction, int id) {
    auto rows = connection.Run(update, {id});
    if (!rows) return rows.error().sqlstate;
    return transaction.Commit() ? std::string() : std::string("commit failed");
  };
  auto other = std::async(std::launch::async, [&] { return finish(*second, std::move(two), 1); });
  const std::string mine = finish(*first, std::move(one), 2);
  const std::string theirs = other.get();
  CHECK((mine == "40P01") != (theirs == "40P01"));
  CHECK((mine.empty() || theirs.empty()));
}

TEST_CASE("a concurrent change under repeatable read is unavailable") {
  auto first = Connect();
  auto second = Connect();
  (void)Must(
      first->RunScript("DROP TABLE IF EXISTS counter; CREATE TABLE counter (n int); "
                       "INSERT INTO counter VALUES (0)"));
  auto transaction = Must(first->Begin());
  (void)Must(first->RunScript("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT * FROM counter"));
  (void)Must(second->RunScript("UPDATE counter SET n = 1"));
  const auto rows = first->Run(Sql("UPDATE counter SET n = 2"), {});
  REQUIRE(!rows);
  CHECK(rows.error().sqlstate == "40001");
  CHECK(rows.error().kind == ErrorKind::kUnavailable);
}

TEST_CASE("affected counts the rows that a change touched") {
  auto connection = Connect();
  (void)Must(connection->RunScript("CREATE TEMP TABLE t AS SELECT generate_series(1, 10) AS n"));
  CHECK(Must(connection->Run(Sql("DELETE FROM t WHERE n <= $1"), {4})).affected() == 4);
  CHECK(Must(connection->Run(Sql("UPDATE t SET n = n WHERE n > $1"), {100})).affected() == 0);
}

TEST_CASE("a statement whose table changed under it is prepared anew on a fresh connection") {
  auto connection = Connect();
  (void)Must(connection->RunScript("DROP TABLE IF EXISTS changing; CREATE TABLE changing (a int)"));
  const auto repeatable = RepeatableSql("SELECT * FROM changing");
  (void)Must(connection->Run(repeatable, {}));
  (void)Must(connection->RunScript("ALTER TABLE changing ALTER a TYPE bigint"));
  (void)Must(connection->Run(repeatable, {}));

  (void)Must(connection->RunScript("ALTER TABLE changing ALTER a TYPE text"));
  CHECK(!connection->RunTogether({{repeatable, {}}}));
  CHECK(connection->broken());
}

TEST_CASE("a notification is waited for, and its absence is not an error") {
  auto listener = Connect();
  auto notifier = Connect();
  (void)Must(listener->Run(Sql("LISTEN changes"), {}));
  CHECK(!Must(listener->WaitForNotification(std::chrono::milliseconds(20))));
  (void)Must(notifier->Run(Sql("NOTIFY changes"), {}));
  CHECK(Must(listener->WaitForNotification(std::chrono::seconds(20))));
  CHECK(!Must(listener->WaitForNotification(std::chrono::milliseconds(0))));
}
