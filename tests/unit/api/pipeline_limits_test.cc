// The pipeline's steps that refuse before anything expensive is queued.

#include <future>
#include <map>
#include <thread>

#include "api/pipeline.h"
#include "tests/unit/api/access_database.h"

using namespace claviger;
using namespace claviger::api;
using namespace claviger::testing;

namespace {

class Answer final : public http::Responder::Sink {
 public:
  void Send(http::Response response) override { sent_.set_value(std::move(response)); }
  http::Response Get() { return sent_.get_future().get(); }

 private:
  std::promise<http::Response> sent_;
};

struct Fixture : Database {
  http::Response Ask(Route route) { return AskAtOnce(std::move(route), 1).front(); }
  std::vector<http::Response> AskAtOnce(Route route, int requests) {
    route.method = http::Method::kPost;
    route.pattern = "/x";
    route.operation_id = "doX";
    route.action = "x.do";
    Pipeline pipeline(Router({std::move(route)}), authenticator, ip_gate, audit, workers, hashers, QuietLog(),
                      {}, {&shaper, &guesses});
    std::vector<std::shared_ptr<Answer>> answers;
    for (int i = 0; i < requests; ++i) {
      http::Request request;
      request.method = http::Method::kPost;
      request.target.segments = {"x"};
      request.client = http::PeerAddress("192.0.2.1");
      request.id = NewUuidV7(clock, random);
      answers.push_back(std::make_shared<Answer>());
      pipeline.Handle(std::move(request), http::Responder(answers.back()));
    }
    std::vector<http::Response> responses;
    for (const auto& answer : answers) responses.push_back(answer->Get());
    return responses;
  }
  Route Hashing() {
    Route route;
    route.auth = AuthKind::kNone;
    route.runs_on = RunsOn::kHashers;
    route.handler = [this](Context& context) -> Result<http::Response> {
      ++handled;
      charged = context.permit.keys.size();
      return http::Response::NoContent();
    };
    return route;
  }
  int64_t Denied() { return Count("SELECT count(*) FROM audit_events WHERE outcome = 'denied'"); }

  crypto::TokenVerifier verifier = Verifier();
  KeyUses uses{pool, clock, QuietLog()};
  Authenticator authenticator{pool, clock, verifier, keyring, uses};
  IpGate ip_gate{pool, clock};
  AuditLog audit{pool, clock, random, QuietLog(), 10};
  RefusalDigest refusals{clock};
  TrafficShaper shaper{{.requests = {1, 2}, .auth_requests = {}}, clock, random, refusals};
  GuessBudgets guesses{{.in_all = 3}, Bytes(32, 7), {pool, clock, QuietLog(), refusals}};
  int handled = 0;
  size_t charged = 0;
  WorkPool workers{1, 8};
  WorkPool hashers{1, 8};
};

std::string HeaderOf(const http::Response& response, std::string_view name) {
  for (const auto& [key, value] : response.headers) {
    if (key == name) return value;
  }
  return "";
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "what an admission was given reaches the handler") {
  Route route = Hashing();
  route.admit = [](Context&) -> Result<Permit> { return Permit{{Bytes(32, 1)}, {1}, {}, {}}; };
  CHECK(Ask(route).status == 204);
  CHECK(charged == 1);
}

TEST_CASE_FIXTURE(Fixture, "what has nothing to hash does not wait for the pool for hashes") {
  std::promise<void> release;
  REQUIRE(hashers.Submit([busy = release.get_future().share()] { busy.wait(); }));
  Route route = Hashing();
  route.admit = [](Context&) -> Result<Permit> {
    Permit permit{{Bytes(32, 1)}, {1}, {}, {}};
    permit.at_once = true;
    return permit;
  };
  const auto answered = Ask(route);
  release.set_value();
  CHECK(answered.status == 204);
  CHECK(charged == 1);
}

TEST_CASE_FIXTURE(Fixture, "a refused admission is answered while the pool for hashes is busy, and audited") {
  std::promise<void> release;
  REQUIRE(hashers.Submit([busy = release.get_future().share()] { busy.wait(); }));
  Route route = Hashing();
  route.admit = [](Context&) -> Result<Permit> { return TooMany("Too many attempts; try again later", 7); };
  const auto refused = Ask(route);
  release.set_value();
  CHECK(refused.status == 429);
  CHECK(HeaderOf(refused, "Retry-After") == "7");
  CHECK(handled == 0);
  CHECK(Denied() == 1);
}

TEST_CASE_FIXTURE(Fixture, "an admission that throws is a 500 and lets nobody in") {
  Route route = Hashing();
  route.admit = [](Context&) -> Result<Permit> { throw std::runtime_error("private text"); };
  CHECK(Ask(route).status == 500);
  CHECK(handled == 0);
}

TEST_CASE_FIXTURE(Fixture, "a route that needs a token admits nobody without one") {
  Route route = Hashing();
  route.auth = AuthKind::kUser;
  bool admitted = false;
  route.admit = [&](Context&) -> Result<Permit> {
    admitted = true;
    return Permit{};
  };
  CHECK(Ask(route).status == 401);
  CHECK(!admitted);
}

TEST_CASE_FIXTURE(Fixture, "who asks too fast is refused before authentication, with one record of many") {
  Route route = Hashing();
  route.auth = AuthKind::kUser;
  CHECK(Ask(route).status == 401);
  CHECK(Ask(route).status == 401);
  const auto records = Denied();
  for (int i = 0; i < 5; ++i) {
    const auto refused = Ask(route);
    CHECK(refused.status == 429);
    CHECK(HeaderOf(refused, "Retry-After") == "1");
  }
  CHECK(Denied() == records + 1);
  CHECK(handled == 0);
}

TEST_CASE_FIXTURE(Fixture, "a guess that finds no room among those that wait for a hash is given back") {
  std::promise<void> release;
  const auto released = release.get_future().share();
  REQUIRE(hashers.Submit([released] { released.wait(); }));
  while (hashers.queued() > 0) std::this_thread::yield();
  for (int i = 0; i < 8; ++i) REQUIRE(hashers.Submit([] {}));
  Route route = Hashing();
  route.admit = [this](Context& context) {
    return guesses.Take(Guess::kLogin, {"192.0.2.1", {}}, context.audit);
  };
  const auto crowded = Ask(route);
  release.set_value();
  CHECK(crowded.status == 503);
  CHECK(handled == 0);
  CHECK(Count("SELECT count(*) FROM guess_budgets") == 1);
  CHECK(Count("SELECT count(*) FROM guess_budgets WHERE full_at > now()") == 0);
}

TEST_CASE_FIXTURE(Fixture, "requests that are answered together are held to the rate one by one") {
  Route route;
  route.batch = [](std::span<Context> contexts) { return std::vector<BatchAnswer>(contexts.size()); };
  route.handler = [](Context&) -> Result<http::Response> { return http::Response::NoContent(); };
  std::map<int, int> statuses;
  for (const auto& response : AskAtOnce(std::move(route), 20)) ++statuses[response.status];
  CHECK(statuses == std::map<int, int>{{401, 2}, {429, 18}});
}
