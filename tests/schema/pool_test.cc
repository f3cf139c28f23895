#include "schema/pg/pool.h"

#include <atomic>
#include <thread>

#include "tests/schema/server.h"

using namespace claviger;
using namespace claviger::testing;

namespace {

int32_t BackendOf(schema::Pool::Lease& lease) {
  return Must(lease->Run(Sql("SELECT pg_backend_pid()"), {})).Int4(0, 0);
}

}  // namespace

TEST_CASE("an exhausted pool is unavailable, and a returned connection is lent again") {
  schema::PgConfig config = Server().Config("postgres");
  config.pool_size = 2;
  config.acquire_timeout = std::chrono::milliseconds(50);
  schema::Pool pool(config, QuietLog());
  auto first = std::make_optional(Must(pool.Acquire()));
  auto second = Must(pool.Acquire());
  CHECK(pool.in_use() == 2);
  const auto third = pool.Acquire();
  REQUIRE(!third);
  CHECK(third.error().kind == ErrorKind::kUnavailable);
  CHECK(pool.in_use() == 2);

  const int32_t backend = BackendOf(*first);
  first.reset();
  CHECK(pool.in_use() == 1);
  auto again = Must(pool.Acquire());
  CHECK(BackendOf(again) == backend);
}

TEST_CASE("a caller who waits gets the connection that another returns") {
  schema::PgConfig config = Server().Config("postgres");
  config.pool_size = 1;
  config.acquire_timeout = std::chrono::seconds(30);
  schema::Pool pool(config, QuietLog());
  std::atomic<int> served = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < 8; ++i) {
    callers.emplace_back([&] {
      auto lease = pool.Acquire();
      if (lease && lease.assume_value()->Run(Sql("SELECT 1"), {})) ++served;
    });
  }
  for (auto& caller : callers) caller.join();
  CHECK(served == 8);
  CHECK(pool.in_use() == 0);
}

TEST_CASE("a connection that broke while lent is replaced") {
  schema::PgConfig config = Server().Config("postgres");
  config.pool_size = 1;
  schema::Pool pool(config, QuietLog());
  int32_t dead = 0;
  {
    auto lease = Must(pool.Acquire());
    dead = BackendOf(lease);
    CHECK(!lease->Run(Sql("SELECT pg_terminate_backend(pg_backend_pid())"), {}));
  }
  auto lease = Must(pool.Acquire());
  CHECK(BackendOf(lease) != dead);
}

TEST_CASE("an idle connection that the server cut is replaced before it is lent") {
  schema::Pool pool(Server().Config("postgres"), QuietLog());
  int32_t dead = 0;
  {
    auto lease = Must(pool.Acquire());
    dead = BackendOf(lease);
  }
  auto observer = Connect();
  // Waits until the backend has gone.
  CHECK(Must(observer->Run(Sql("SELECT pg_terminate_backend($1, 20000)"), {dead})).Bool(0, 0));
  auto lease = Must(pool.Acquire());
  CHECK(BackendOf(lease) != dead);
}

TEST_CASE("a transaction ends before its connection is lent again") {
  schema::PgConfig config = Server().Config("postgres");
  config.pool_size = 1;
  schema::Pool pool(config, QuietLog());
  {
    auto lease = Must(pool.Acquire());
    auto transaction = Must(lease->Begin());
    (void)Must(lease->Run(Sql("SELECT set_config('claviger.mark', 'left', true)"), {}));
  }
  auto lease = Must(pool.Acquire());
  const auto rows = Must(lease->Run(Sql("SELECT coalesce(current_setting('claviger.mark', true), '')"), {}));
  CHECK(rows.Text(0, 0).empty());
}

TEST_CASE("pauses after failures double from 100 ms to 5 s and start over after a success") {
  schema::Backoff backoff;
  CHECK(!backoff.failing());
  for (int round = 0; round < 2; ++round) {
    int64_t full = 100;
    for (int i = 0; i < 10; ++i) {
      const int64_t pause = backoff.NextPause().count();
      CHECK(pause >= full / 2);
      CHECK(pause <= full);
      full = std::min<int64_t>(full * 2, 5000);
    }
    CHECK(backoff.failing());
    backoff.Reset();
  }
}
