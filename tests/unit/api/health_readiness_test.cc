#include <doctest/doctest.h>

#include <algorithm>
#include <future>

#include "api/health/health.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_keyring.h"
#include "tests/fakes/fake_random.h"

using namespace claviger;
using namespace claviger::api;

namespace {

// No database answers on this socket.
schema::PgConfig NoDatabase() { return {.conninfo = "host=/nonexistent dbname=none user=none"}; }

struct Node {
  Log log{LogLevel::kError};
  fakes::FakeClock clock;
  fakes::FakeRandom random;
  fakes::FakeKeyring keyring;
  schema::Pool pool{NoDatabase(), log};
  AuditLog audit{pool, clock, random, log, 10};
  RollbackWatch watch{{}, clock, log};
  Readiness readiness{NoDatabase(), keyring, audit, watch, clock, log};

  bool Says(std::string_view reason) const {
    const auto reasons = readiness.Reasons();
    return std::find(reasons.begin(), reasons.end(), reason) != reasons.end();
  }
};

}  // namespace

TEST_CASE("a node is not ready before it has seen its database") {
  Node node;
  CHECK(node.Says("database: not checked"));
}

TEST_CASE("a node without its database is not ready") {
  Node node;
  node.readiness.CheckOnce();
  CHECK(node.Says("database: unreachable"));
}

TEST_CASE("what was seen long ago says nothing any more") {
  Node node;
  node.readiness.CheckOnce();
  node.clock.Advance(std::chrono::seconds(11));
  CHECK(node.Says("database: not checked"));
}

TEST_CASE("a node without its HSM is neither ready nor healthy") {
  Node node;
  CHECK_FALSE(node.Says("hsm: unavailable"));
  node.keyring.SetUnavailable(true);
  CHECK(node.Says("hsm: unavailable"));
  const Health health(node.keyring, node.readiness, {}, "1");
  CHECK_FALSE(health.Check().healthy);
  CHECK(health.Hsm().status == "unavailable");
  CHECK_FALSE(health.Hsm().connected);
}

TEST_CASE("a node that cannot commit audit records is not ready, until that is old") {
  Node node;
  constexpr std::string_view kReason = "audit: records cannot be committed";
  CHECK_FALSE(node.Says(kReason));
  std::promise<bool> committed;
  node.audit.Append({}, [&](const Status& status) { committed.set_value(status.has_value()); });
  REQUIRE_FALSE(committed.get_future().get());
  CHECK(node.Says(kReason));
  // Only requests commit: without an end the node would get none any more, and stay as it is.
  node.clock.Advance(std::chrono::seconds(11));
  CHECK_FALSE(node.Says(kReason));
}

TEST_CASE("a draining node is not ready") {
  Node node;
  CHECK_FALSE(node.Says("draining"));
  node.readiness.SetDraining();
  CHECK(node.Says("draining"));
}

TEST_CASE("health routes are public, unaudited, and answered on the IO thread") {
  Node node;
  const Health health(node.keyring, node.readiness, {}, "1");
  for (const Route& route : HealthRoutes(health)) {
    CAPTURE(route.pattern);
    CHECK(route.auth == AuthKind::kNone);
    CHECK(route.action.empty());
    CHECK(route.runs_on == RunsOn::kIoThread);
  }
}
