// What a server that dies, stalls or restarts does to those who use it. Every call here must return while the
// server is still gone: a call that hung would end the run by its time limit.

#include <future>
#include <thread>

#include "tests/schema/server.h"

using namespace claviger;
using namespace claviger::testing;

namespace {

using std::chrono::milliseconds;

// Brings the server back however the test case ends.
struct ServerBack {
  ~ServerBack() {
    Server().Resume();
    Server().RestartIfDown();
  }
};

// Returns once another connection executes `sql`.
void AwaitExecution(schema::Connection& observer, const char* sql) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  const auto running =
      Sql("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query = $1 AND pid <> "
          "pg_backend_pid()");
  while (Must(observer.Run(running, {sql})).Int8(0, 0) == 0) {
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    std::this_thread::sleep_for(milliseconds(5));
  }
}

// Takes leases until one answers: the pool's pauses after a failure are part of its promise.
void AwaitRecovery(schema::Pool& pool) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  for (;;) {
    auto lease = pool.Acquire();
    if (lease && lease.assume_value()->Run(Sql("SELECT 1"), {})) return;
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    std::this_thread::sleep_for(milliseconds(10));
  }
}

const schema::Statement kCount{"outage.count", "SELECT count(*) FROM pg_class"};

}  // namespace

TEST_CASE("a statement in flight when the server is killed is unavailable") {
  const ServerBack back;
  auto observer = Connect();
  auto connection = ConnectPatiently();
  constexpr const char* kSleep = "SELECT pg_sleep(50)";
  auto answer = std::async(std::launch::async, [&] { return connection->Run(Sql(kSleep), {}); });
  AwaitExecution(*observer, kSleep);
  Server().Kill();
  const auto rows = answer.get();
  REQUIRE(!rows);
  CHECK(rows.error().kind == ErrorKind::kUnavailable);
  CHECK(rows.error().sqlstate == "08006");
  CHECK(connection->broken());
  const auto again = connection->Run(Sql("SELECT 1"), {});
  REQUIRE(!again);
  CHECK(again.error().kind == ErrorKind::kUnavailable);
}

TEST_CASE("a commit in flight when the server is killed is unavailable") {
  const ServerBack back;
  auto observer = Connect();
  (void)Must(observer->RunScript(
      "DROP TABLE IF EXISTS slow; CREATE TABLE slow (n int); "
      "CREATE OR REPLACE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS "
      "$$ BEGIN PERFORM pg_sleep(50); RETURN NULL; END $$; "
      "CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON slow DEFERRABLE INITIALLY DEFERRED "
      "FOR EACH ROW EXECUTE FUNCTION linger()"));
  auto connection = ConnectPatiently();
  auto transaction = Must(connection->Begin());
  (void)Must(connection->Run(Sql("INSERT INTO slow VALUES (1)"), {}));
  auto commit = std::async(std::launch::async, [&] { return transaction.Commit(); });
  AwaitExecution(*observer, "COMMIT");
  Server().Kill();
  const auto status = commit.get();
  REQUIRE(!status);
  CHECK(status.error().kind == ErrorKind::kUnavailable);
  CHECK(connection->broken());
}

TEST_CASE("an idempotent statement survives a restart, another does not") {
  const ServerBack back;
  auto repeats = Connect();
  auto does_not = Connect();
  Server().Kill();
  Server().Start();
  CHECK(Must(repeats->Run(RepeatableSql("SELECT 1"), {})).Int4(0, 0) == 1);
  const auto rows = does_not->Run(Sql("SELECT 1"), {});
  REQUIRE(!rows);
  CHECK(rows.error().kind == ErrorKind::kUnavailable);
}

TEST_CASE("a lost connection repeats a statement once if it is idempotent, and never otherwise") {
  auto observer = Connect();
  (void)Must(observer->RunScript("DROP SEQUENCE IF EXISTS runs; CREATE SEQUENCE runs"));
  const auto runs = [&] { return Must(observer->Run(Sql("SELECT last_value FROM runs"), {})).Int8(0, 0); };
  constexpr const char* kDieOnce =
      "SELECT CASE WHEN nextval('runs') = 1 THEN pg_terminate_backend(pg_backend_pid()) ELSE true END";
  CHECK(Must(Connect()->Run(RepeatableSql(kDieOnce), {})).Bool(0, 0));
  CHECK(runs() == 2);

  constexpr const char* kDieAlways = "SELECT nextval('runs'), pg_terminate_backend(pg_backend_pid())";
  CHECK(!Connect()->Run(RepeatableSql(kDieAlways), {}));
  CHECK(runs() == 4);
  CHECK(!Connect()->Run(Sql(kDieAlways), {}));
  CHECK(runs() == 5);

  auto connection = Connect();
  auto transaction = Must(connection->Begin());
  CHECK(!connection->Run(RepeatableSql(kDieAlways), {}));
  CHECK(runs() == 6);
  const auto commit = transaction.Commit();
  REQUIRE(!commit);
  CHECK(commit.error().kind == ErrorKind::kUnavailable);
}

TEST_CASE("a server that stands still is unavailable and costs the connection") {
  const ServerBack back;
  auto plain = Connect();
  auto repeatable = Connect();
  auto together = Connect();
  auto committing = Connect();
  auto transaction = Must(committing->Begin());
  (void)Must(committing->Run(Sql("SELECT 1"), {}));
  Server().Pause();

  const auto kind = [](const auto& result) { return result ? ErrorKind::kInvalid : result.error().kind; };
  CHECK(kind(plain->Run(Sql("SELECT 1"), {})) == ErrorKind::kUnavailable);
  CHECK(kind(repeatable->Run(RepeatableSql("SELECT 1"), {})) == ErrorKind::kUnavailable);
  CHECK(kind(together->RunTogether({{Sql("SELECT 1"), {}}})) == ErrorKind::kUnavailable);
  CHECK(kind(transaction.Commit()) == ErrorKind::kUnavailable);
  CHECK(kind(schema::Connection::Open(Server().Config("postgres"), QuietLog())) == ErrorKind::kUnavailable);
  for (const auto* connection : {&plain, &repeatable, &together, &committing}) CHECK((*connection)->broken());
}

TEST_CASE("a large parameter to a server that stands still is unavailable") {
  const ServerBack back;
  auto connection = Connect();
  const Bytes large(32 << 20);
  Server().Pause();
  const auto rows = connection->Run(Sql("SELECT $1"), {large});
  REQUIRE(!rows);
  CHECK(rows.error().kind == ErrorKind::kUnavailable);
  CHECK(connection->broken());
}

TEST_CASE("a pool recovers by itself once a server that stood still goes on") {
  const ServerBack back;
  schema::Pool pool(Server().Config("postgres"), QuietLog());
  AwaitRecovery(pool);
  Server().Pause();
  {
    auto lease = Must(pool.Acquire());
    CHECK(!lease->Run(kCount, {}));
  }
  CHECK(!pool.Acquire());  // the pool has to connect anew, and cannot
  Server().Resume();
  AwaitRecovery(pool);
  CHECK(pool.in_use() == 0);
}

TEST_CASE("after a restart no idle connection of the pool costs a caller an error") {
  const ServerBack back;
  schema::Pool pool(Server().Config("postgres"), QuietLog());
  {
    auto one = Must(pool.Acquire());
    auto two = Must(pool.Acquire());
    auto three = Must(pool.Acquire());
  }
  for (const bool orderly : {true, false}) {
    CAPTURE(orderly);
    if (orderly)
      Server().Stop();
    else
      Server().Kill();
    Server().Start();
    auto one = Must(pool.Acquire());
    auto two = Must(pool.Acquire());
    auto three = Must(pool.Acquire());
    for (auto* lease : {&one, &two, &three}) CHECK((*lease)->Run(Sql("SELECT 1"), {}).has_value());
  }
}

TEST_CASE("a dead server fails every caller, and the pool serves again once it is back") {
  const ServerBack back;
  schema::Pool pool(Server().Config("postgres"), QuietLog());
  AwaitRecovery(pool);
  Server().Stop();
  for (int i = 0; i < 20; ++i) {
    const auto lease = pool.Acquire();
    REQUIRE(!lease);
    CHECK(lease.error().kind == ErrorKind::kUnavailable);
    CHECK(lease.error().sqlstate == "08001");
  }
  CHECK(pool.in_use() == 0);
  Server().Start();
  AwaitRecovery(pool);
}
