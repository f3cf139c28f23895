#include "api/pipeline.h"

#include <doctest/doctest.h>

#include <future>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "api/json/json.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_random.h"

using namespace claviger;
using namespace claviger::api;
using http::Method;
using http::Response;

namespace {

// What happened, in order, from all threads.
class Journal {
 public:
  void Add(std::string entry) {
    const std::lock_guard lock(mutex_);
    entries_.push_back(std::move(entry));
  }
  std::vector<std::string> entries() const {
    const std::lock_guard lock(mutex_);
    return entries_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> entries_;
};

class FakeAuthenticator final : public Authenticator {
 public:
  FakeAuthenticator(Journal& journal, schema::Pool& pool, const Clock& clock,
                    const crypto::TokenVerifier& verifier)
      : Authenticator(pool, clock, verifier), journal_(journal) {}
  Result<Principal> Authenticate(const http::Request&) override {
    journal_.Add("authenticate");
    if (failure) return *failure;
    return principal;
  }
  Principal principal;
  std::optional<Error> failure;

 private:
  Journal& journal_;
};

class FakeAuditLog final : public AuditLog {
 public:
  FakeAuditLog(Journal& journal, schema::Pool& pool, const Clock& clock, Random& random, const Log& log)
      : AuditLog(pool, clock, random, log, 1), journal_(journal) {}
  void Append(crypto::AuditRecord record, std::function<void(Status)> done) override {
    journal_.Add("audit " + record.action + " " + record.outcome);
    last = record;
    done(fails ? Status(Unavailable("no database")) : Status(Ok()));
  }
  bool fails = false;
  crypto::AuditRecord last;

 private:
  Journal& journal_;
};

class Answer final : public http::Responder::Sink {
 public:
  explicit Answer(Journal& journal) : journal_(journal) {}
  void Send(Response response) override {
    journal_.Add("send " + std::to_string(response.status));
    sent_.set_value(std::move(response));
  }
  Response Get() { return sent_.get_future().get(); }

 private:
  Journal& journal_;
  std::promise<Response> sent_;
};

struct Fixture {
  Fixture() {
    authenticator.principal.id = NewUuidV7(clock, random);
    authenticator.principal.org = OrgId{NewUuidV7(clock, random)};
  }

  // One route at POST /x.
  Response Ask(Route route, Method method = Method::kPost) {
    route.method = Method::kPost;
    return AskTable({std::move(route)}, method);
  }
  Response AskTable(std::vector<Route> routes, Method method) {
    for (auto& route : routes) {
      route.pattern = "/x";
      if (route.operation_id.empty()) route.operation_id = "doX";
    }
    Pipeline pipeline(Router(std::move(routes)), authenticator, audit, workers, hashers, log);
    http::Request request;
    request.method = method;
    request.target.segments = {"x"};
    request.body = "body";
    request.id = NewUuidV7(clock, random);
    request_id = FormatUuid(request.id);
    auto answer = std::make_shared<Answer>(journal);
    pipeline.Handle(std::move(request), http::Responder(answer));
    Response response = answer->Get();
    return response;
  }
  // A handler that answers 200 with a value.
  Route Succeeding() {
    Route route;
    route.action = "x.read";
    route.handler = [this](Context&) -> Result<Response> {
      journal.Add("handle");
      return Response::Json(200, "\"the value\"");
    };
    return route;
  }
  Route Failing(Error error) {
    Route route;
    route.action = "x.read";
    route.handler = [error](Context&) -> Result<Response> { return error; };
    return route;
  }

  using Entries = std::vector<std::string>;
  fakes::FakeClock clock;
  fakes::FakeRandom random;
  Log log{LogLevel::kError};
  Journal journal;
  schema::Pool pool{schema::PgConfig{}, log};
  crypto::TokenVerifier verifier{"test", {}};
  FakeAuthenticator authenticator{journal, pool, clock, verifier};
  FakeAuditLog audit{journal, pool, clock, random, log};
  WorkPool workers{1, 8};
  WorkPool hashers{1, 8};
  std::string request_id;
};

std::string DetailOf(const Response& response) { return ParseJson(response.body).value()["detail"]; }

std::string HeaderOf(const Response& response, std::string_view name) {
  for (const auto& [key, value] : response.headers) {
    if (key == name) return value;
  }
  return {};
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "the steps run in order: authenticate, handle, commit the record, answer") {
  const Response response = Ask(Succeeding());
  CHECK(response.status == 200);
  CHECK(response.body == "\"the value\"");
  CHECK(journal.entries() == Entries{"authenticate", "handle", "audit x.read success", "send 200"});
  CHECK(audit.last.org == authenticator.principal.org);
  CHECK(audit.last.actor_type == "user");
  CHECK(audit.last.actor_id == FormatUuid(authenticator.principal.id));
  CHECK(audit.last.request_id == request_id);
}

TEST_CASE_FIXTURE(Fixture, "a value whose record cannot be committed never leaves") {
  audit.fails = true;
  const Response response = Ask(Succeeding());
  CHECK(response.status == 503);
  CHECK(response.body.find("the value") == std::string::npos);
  CHECK(!HeaderOf(response, "Retry-After").empty());
}

TEST_CASE_FIXTURE(Fixture, "a refusal whose record cannot be committed is 503 as well") {
  audit.fails = true;
  CHECK(Ask(Failing(NotFound("Vault not found"))).status == 503);
}

TEST_CASE_FIXTURE(Fixture, "a record that was committed with its change is not written twice") {
  Route route = Succeeding();
  route.handler = [](Context& context) -> Result<Response> {
    context.audit.MarkCommitted();
    return Response::NoContent();
  };
  CHECK(Ask(route).status == 204);
  CHECK(journal.entries() == Entries{"authenticate", "send 204"});
}

TEST_CASE_FIXTURE(Fixture,
                  "a failed authentication reaches no handler and is recorded for the installation") {
  authenticator.failure = Unauthenticated("expired");
  const Response response = Ask(Succeeding());
  CHECK(response.status == 401);
  CHECK(DetailOf(response) == "Invalid or expired token");
  CHECK(journal.entries() == Entries{"authenticate", "audit auth.failure denied", "send 401"});
  CHECK(audit.last.org.IsNil());
  CHECK(audit.last.actor_type == "anonymous");
  const Json details = ParseJson(audit.last.details).value();
  CHECK(details["operation"] == "doX");
  CHECK(details["route"] == "/x");
}

TEST_CASE_FIXTURE(Fixture, "an agent is refused where only people may go, and that is recorded") {
  authenticator.principal.type = PrincipalType::kAgent;
  Route route = Succeeding();
  route.auth = AuthKind::kUser;
  CHECK(Ask(route).status == 403);
  CHECK(journal.entries() == Entries{"authenticate", "audit x.read denied", "send 403"});
  CHECK(audit.last.actor_type == "agent");

  route.auth = AuthKind::kPrincipal;
  CHECK(Ask(route).status == 200);
}

TEST_CASE_FIXTURE(Fixture, "a public route is not authenticated but recorded") {
  Route route = Succeeding();
  route.auth = AuthKind::kNone;
  CHECK(Ask(route).status == 200);
  CHECK(journal.entries() == Entries{"handle", "audit x.read success", "send 200"});
  CHECK(audit.last.org.IsNil());
}

TEST_CASE_FIXTURE(Fixture, "a route without an action leaves no record") {
  Route route = Succeeding();
  route.auth = AuthKind::kNone;
  route.action.clear();
  CHECK(Ask(route).status == 200);
  CHECK(journal.entries() == Entries{"handle", "send 200"});
}

TEST_CASE_FIXTURE(Fixture, "the outcome follows the status") {
  const std::pair<Error, std::string> outcomes[] = {
      {Forbidden("no"), "denied"}, {Unauthenticated("no"), "denied"},
      {Invalid("no"), "failed"},   {NotFound("no"), "failed"},
      {Gone("no"), "failed"},      {Conflict("no"), "failed"},
      {Internal("no"), "failed"},  {IntegrityFailure("no"), "failed"}};
  for (const auto& [error, outcome] : outcomes) {
    Ask(Failing(error));
    CHECK(audit.last.outcome == outcome);
  }
}

TEST_CASE_FIXTURE(Fixture, "a write that ended in 503 may have taken effect, a read has told nothing") {
  Ask(Failing(Unavailable("connection lost at COMMIT")));
  CHECK(audit.last.outcome == "unknown");
  Route read = Failing(Unavailable("connection lost"));
  read.method = Method::kGet;
  CHECK(AskTable({read}, Method::kGet).status == 503);
  CHECK(audit.last.outcome == "failed");
}

TEST_CASE_FIXTURE(Fixture, "an exception in a handler is a generic 500 with a record") {
  Route route = Succeeding();
  route.handler = [](Context&) -> Result<Response> { throw std::runtime_error("private text"); };
  const Response response = Ask(route);
  CHECK(response.status == 500);
  CHECK(response.body.find("private text") == std::string::npos);
  CHECK(audit.last.outcome == "failed");
  route.handler = [](Context&) -> Result<Response> { throw 7; };
  CHECK(Ask(route).status == 500);
}

TEST_CASE_FIXTURE(Fixture, "unknown paths and methods are answered at once, without authentication") {
  CHECK(Ask(Succeeding(), Method::kPut).status == 405);
  CHECK(HeaderOf(Ask(Succeeding(), Method::kPut), "Allow") == "POST");
  CHECK(journal.entries() == Entries{"send 405", "send 405"});

  Pipeline pipeline(Router({}), authenticator, audit, workers, hashers, log);
  auto answer = std::make_shared<Answer>(journal);
  pipeline.Handle(http::Request{}, http::Responder(answer));
  CHECK(answer->Get().status == 404);
}

TEST_CASE_FIXTURE(Fixture, "a route of the IO thread is answered before Handle returns, HEAD like GET") {
  Route route = Succeeding();
  route.auth = AuthKind::kNone;
  route.runs_on = RunsOn::kIoThread;
  route.method = Method::kGet;
  const auto io_thread = std::this_thread::get_id();
  std::thread::id ran_on;
  route.handler = [&ran_on](Context&) -> Result<Response> {
    ran_on = std::this_thread::get_id();
    return Response::Json(200, "{}");
  };
  CHECK(AskTable({route}, Method::kGet).status == 200);
  CHECK(ran_on == io_thread);
  CHECK(AskTable({route}, Method::kHead).status == 200);
  CHECK(journal.entries() == Entries{"send 200", "send 200"});
}

TEST_CASE_FIXTURE(Fixture, "HEAD is not served by routes that work") {
  Route route = Succeeding();
  route.method = Method::kGet;
  CHECK(AskTable({route}, Method::kHead).status == 405);
}

TEST_CASE_FIXTURE(Fixture, "a full queue is 503 at once, and the other pool still serves") {
  std::promise<void> release;
  std::shared_future<void> released = release.get_future();
  std::promise<void> taken;
  REQUIRE(workers.Submit([released, &taken] {
    taken.set_value();
    released.wait();
  }));
  taken.get_future().wait();  // or the thread would take one from the full queue later, and make room
  while (workers.Submit([] {})) REQUIRE(workers.queued() < 100);

  const Response refused = Ask(Succeeding());
  CHECK(refused.status == 503);
  CHECK(!HeaderOf(refused, "Retry-After").empty());
  CHECK(journal.entries() == Entries{"send 503"});

  Route hashing = Succeeding();
  hashing.runs_on = RunsOn::kHashers;
  CHECK(Ask(hashing).status == 200);
  release.set_value();
}

TEST_CASE_FIXTURE(Fixture, "body limits follow the route") {
  Route route = Succeeding();
  route.method = Method::kPut;
  route.pattern = "/big/{path...}";
  route.max_body = 5 * 1024 * 1024;
  const Pipeline pipeline(Router({route}), authenticator, audit, workers, hashers, log);
  CHECK(pipeline.MaxBody(Method::kPut, {{"big", "x"}, {}}) == 5 * 1024 * 1024);
  CHECK(pipeline.MaxBody(Method::kGet, {{"big", "x"}, {}}) == 64 * 1024);
  CHECK(pipeline.MaxBody(Method::kPut, {{"small"}, {}}) == 64 * 1024);
}

TEST_CASE_FIXTURE(Fixture, "a handler sees the request, the parameters and the principal") {
  Route route = Succeeding();
  bool seen = false;
  route.handler = [&](Context& context) -> Result<Response> {
    seen = context.request.body == "body" && context.params.empty() &&
           context.principal.id == authenticator.principal.id;
    return Response::NoContent();
  };
  Ask(route);
  CHECK(seen);
}
