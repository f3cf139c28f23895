#include <doctest/doctest.h>

#include "api/limits/traffic_shaper.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_random.h"

using namespace claviger;
using namespace claviger::api;

namespace {

struct Fixture {
  static http::Request From(std::string address) {
    http::Request request;
    request.client = http::PeerAddress(std::move(address));
    return request;
  }
  Status Ask(const Route& route, std::string address = "192.0.2.1") {
    draft.reset();
    return shaper.Admit(route, From(std::move(address)), draft);
  }
  int Burst(const Route& route) {
    int passed = 0;
    while (Ask(route)) ++passed;
    return passed;
  }
  std::string Record() { return draft->Finish(clock, random, "denied").details; }

  fakes::FakeClock clock;
  fakes::FakeRandom random;
  RefusalDigest refusals{clock, 2};
  TrafficShaper shaper{{.requests = {10, 20}, .auth_requests = {2, 3}}, clock, random, refusals};
  const Route secret{
      .method = http::Method::kGet, .pattern = "/s", .operation_id = "getSecret", .handler = {}};
  const Route login{.method = http::Method::kPost,
                    .pattern = "/l",
                    .operation_id = "login",
                    .auth = AuthKind::kNone,
                    .handler = {}};
  std::optional<AuditDraft> draft;
};

}  // namespace

TEST_CASE("an address counts the same however it is written, and IPv6 by /64") {
  const auto client = [](const char* address) { return Fixture::From(address).client.Group(); };
  CHECK(client("192.0.2.1") == "192.0.2.1");
  CHECK(client("::ffff:192.0.2.1") == "192.0.2.1");
  CHECK(client("::FFFF:c000:0201") == "192.0.2.1");
  CHECK(client("2001:db8:0:1::1") == "2001:db8:0:1::/64");
  CHECK(client("2001:0DB8:0000:0001:ffff:ffff:ffff:ffff") == "2001:db8:0:1::/64");
  CHECK(client("2001:db8:0:2::1") != client("2001:db8:0:1::1"));
  CHECK(client("::1") == "::/64");
  CHECK(client("unix").empty());
}

TEST_CASE_FIXTURE(Fixture, "a client beyond its burst is refused until its rate allows it") {
  CHECK(Burst(secret) == 20);
  const auto refused = Ask(secret);
  REQUIRE(!refused);
  CHECK(refused.error().kind == ErrorKind::kTooMany);
  CHECK(refused.error().retry_after == 1);
  CHECK(Ask(secret, "192.0.2.2"));
  CHECK(!Ask(secret, "::ffff:192.0.2.1"));
  clock.Advance(std::chrono::seconds(refused.error().retry_after));
  CHECK(Ask(secret));
}

TEST_CASE_FIXTURE(Fixture, "public routes that do work have a narrower limit besides") {
  CHECK(Burst(login) == 3);
  CHECK(Ask(secret));
  CHECK(!Ask(login));
}

TEST_CASE_FIXTURE(Fixture, "answers from memory and clients behind a front are never refused") {
  Route health = login;
  health.runs_on = RunsOn::kIoThread;
  CHECK(Burst(login) == 3);
  for (int i = 0; i < 100; ++i) {
    CHECK(Ask(health));
    CHECK(Ask(login, "unix"));
  }
}

TEST_CASE_FIXTURE(Fixture, "of a flood the first refusal in a minute is recorded, and counts the others") {
  CHECK(Burst(secret) == 20);
  CHECK(!draft->committed());
  CHECK(Record() == R"({"limit":"requests","operation":"getSecret"})");
  for (int i = 0; i < 5; ++i) {
    CHECK(!Ask(secret));
    CHECK(draft->committed());
  }
  clock.Advance(std::chrono::minutes(1));
  CHECK(Burst(secret) == 20);
  CHECK(!draft->committed());
  CHECK(Record() == R"({"left_out":5,"limit":"requests","operation":"getSecret"})");
}

TEST_CASE_FIXTURE(Fixture, "more clients than the digest holds are counted, and told of when there is room") {
  const auto note = [&](const char* client) {
    draft.emplace(From(client), "secret.read", "getSecret");
    refusals.Note("requests", client, *draft);
    return !draft->committed();
  };
  CHECK(note("192.0.2.1"));
  CHECK(note("192.0.2.2"));
  CHECK(!note("192.0.2.3"));
  CHECK(!note("192.0.2.2"));
  clock.Advance(std::chrono::minutes(1));
  CHECK(note("192.0.2.3"));
  CHECK(Record() == R"({"left_out_of_others":2,"limit":"requests","operation":"getSecret"})");
}
