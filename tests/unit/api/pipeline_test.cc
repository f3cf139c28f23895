#include "api/pipeline.h"

#include <stdexcept>

#include "tests/unit/api/pipeline_fixture.h"

using namespace claviger;
using namespace claviger::api;
using http::Method;
using http::Response;

TEST_CASE_FIXTURE(PipelineFixture,
                  "the steps run in order: authenticate, handle, commit the record, answer") {
  const Response response = Ask(Succeeding());
  CHECK(response.status == 200);
  CHECK(response.body == "\"the value\"");
  CHECK(journal.entries() == Entries{"authenticate", "handle", "audit x.read success", "send 200"});
  CHECK(audit.last.org == authenticator.principal.org);
  CHECK(audit.last.actor_type == "user");
  CHECK(audit.last.actor_id == FormatUuid(authenticator.principal.id));
  CHECK(audit.last.request_id == request_id);
}

TEST_CASE_FIXTURE(PipelineFixture, "a value whose record cannot be committed never leaves") {
  audit.fails = true;
  const Response response = Ask(Succeeding());
  CHECK(response.status == 503);
  CHECK(response.body.find("the value") == std::string::npos);
  CHECK(!HeaderOf(response, "Retry-After").empty());
}

TEST_CASE_FIXTURE(PipelineFixture, "a refusal whose record cannot be committed is 503 as well") {
  audit.fails = true;
  CHECK(Ask(Failing(NotFound("Vault not found"))).status == 503);
}

TEST_CASE_FIXTURE(PipelineFixture,
                  "a route's refusals look as it says, also where its record cannot be committed") {
  const auto looks = [](const Error& error) { return Response{418, "text/html", error.detail, {}}; };
  Route route = Failing(Forbidden("Not you"));
  route.refusal = looks;
  const Response refused = Ask(route);
  CHECK((refused.status == 418 && refused.content_type == "text/html" && refused.body == "Not you"));
  audit.fails = true;
  CHECK(Ask(route).status == 418);
  Route succeeding = Succeeding();
  succeeding.refusal = looks;
  CHECK(Ask(succeeding).content_type == "text/html");
}

TEST_CASE_FIXTURE(PipelineFixture, "a refusal in an answer of 200 is recorded as denied, with its reason") {
  Route route;
  route.action = "x.read";
  route.handler = [](Context& context) -> Result<Response> {
    context.audit.Refuse("not today");
    return Response::Json(200, "{}");
  };
  CHECK(Ask(route).status == 200);
  CHECK(audit.last.outcome == "denied");
  CHECK(ParseJson(audit.last.details).value()["reason"] == "not today");
}

TEST_CASE_FIXTURE(PipelineFixture, "a record that was committed with its change is not written twice") {
  Route route = Succeeding();
  route.handler = [](Context& context) -> Result<Response> {
    context.audit.MarkCommitted();
    return Response::NoContent();
  };
  CHECK(Ask(route).status == 204);
  CHECK(journal.entries() == Entries{"authenticate", "send 204"});
}

TEST_CASE_FIXTURE(PipelineFixture,
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

TEST_CASE_FIXTURE(PipelineFixture, "an agent is refused where only people may go, and that is recorded") {
  authenticator.principal.type = PrincipalType::kAgent;
  Route route = Succeeding();
  route.auth = AuthKind::kUser;
  CHECK(Ask(route).status == 403);
  CHECK(journal.entries() == Entries{"authenticate", "audit x.read denied", "send 403"});
  CHECK(audit.last.actor_type == "agent");

  route.auth = AuthKind::kPrincipal;
  CHECK(Ask(route).status == 200);
}

TEST_CASE_FIXTURE(PipelineFixture, "a public route is not authenticated but recorded") {
  Route route = Succeeding();
  route.auth = AuthKind::kNone;
  CHECK(Ask(route).status == 200);
  CHECK(journal.entries() == Entries{"handle", "audit x.read success", "send 200"});
  CHECK(audit.last.org.IsNil());
}

TEST_CASE_FIXTURE(PipelineFixture, "a route without an action leaves no record") {
  Route route = Succeeding();
  route.auth = AuthKind::kNone;
  route.action.clear();
  CHECK(Ask(route).status == 200);
  CHECK(journal.entries() == Entries{"handle", "send 200"});
}

TEST_CASE_FIXTURE(PipelineFixture, "the outcome follows the status") {
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

TEST_CASE_FIXTURE(PipelineFixture,
                  "a write that ended in 503 may have taken effect, a read has told nothing") {
  Ask(Failing(Unavailable("connection lost at COMMIT")));
  CHECK(audit.last.outcome == "unknown");
  Route read = Failing(Unavailable("connection lost"));
  read.method = Method::kGet;
  CHECK(AskTable({read}, Method::kGet).status == 503);
  CHECK(audit.last.outcome == "failed");
}

TEST_CASE_FIXTURE(PipelineFixture, "an exception in a handler is a generic 500 with a record") {
  Route route = Succeeding();
  route.handler = [](Context&) -> Result<Response> { throw std::runtime_error("private text"); };
  const Response response = Ask(route);
  CHECK(response.status == 500);
  CHECK(response.body.find("private text") == std::string::npos);
  CHECK(audit.last.outcome == "failed");
  route.handler = [](Context&) -> Result<Response> { throw 7; };
  CHECK(Ask(route).status == 500);
}

TEST_CASE_FIXTURE(PipelineFixture, "unknown paths and methods are answered at once, without authentication") {
  CHECK(Ask(Succeeding(), Method::kPut).status == 405);
  CHECK(HeaderOf(Ask(Succeeding(), Method::kPut), "Allow") == "POST");
  CHECK(journal.entries() == Entries{"send 405", "send 405"});

  Pipeline pipeline(Router({}), authenticator, ip_gate, audit, workers, hashers, log);
  auto answer = std::make_shared<Answer>(journal);
  pipeline.Handle(http::Request{}, http::Responder(answer));
  CHECK(answer->Get().status == 404);
}

TEST_CASE_FIXTURE(PipelineFixture,
                  "a route of the IO thread is answered before Handle returns, HEAD like GET") {
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

TEST_CASE_FIXTURE(PipelineFixture, "HEAD is not served by routes that work") {
  Route route = Succeeding();
  route.method = Method::kGet;
  CHECK(AskTable({route}, Method::kHead).status == 405);
}

TEST_CASE_FIXTURE(PipelineFixture, "a full queue is 503 at once, and the other pool still serves") {
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

TEST_CASE_FIXTURE(PipelineFixture, "body limits follow the route") {
  Route route = Succeeding();
  route.method = Method::kPut;
  route.pattern = "/big/{path...}";
  route.max_body = 5 * 1024 * 1024;
  const Pipeline pipeline(Router({route}), authenticator, ip_gate, audit, workers, hashers, log);
  CHECK(pipeline.MaxBody(Method::kPut, {{"big", "x"}, {}}) == 5 * 1024 * 1024);
  CHECK(pipeline.MaxBody(Method::kGet, {{"big", "x"}, {}}) == 64 * 1024);
  CHECK(pipeline.MaxBody(Method::kPut, {{"small"}, {}}) == 64 * 1024);
}

TEST_CASE_FIXTURE(PipelineFixture, "a handler sees the request, the parameters and the principal") {
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

TEST_CASE_FIXTURE(PipelineFixture, "an auditor passes where the route says so, and nowhere else") {
  Route route = Succeeding();
  authenticator.principal.role = Role::kAuditor;
  const Response refused = Ask(route);
  CHECK(refused.status == 403);
  CHECK(DetailOf(refused) == "An auditor may only read the audit log");
  CHECK(journal.entries() == Entries{"authenticate", "audit x.read denied", "send 403"});
  route.for_auditors = true;
  CHECK(Ask(route).status == 200);
}

TEST_CASE_FIXTURE(PipelineFixture, "the record of what was not done says why, as the caller hears it") {
  Route route = Succeeding();
  route.handler = [](Context&) -> Result<Response> { return Forbidden("Insufficient permissions"); };
  Ask(route);
  CHECK(ParseJson(audit.last.details).value()["reason"] == "Insufficient permissions");
  route.handler = [](Context& context) -> Result<Response> {
    context.audit.AddDetail("reason", "more exactly");
    return Forbidden("Insufficient permissions");
  };
  Ask(route);
  CHECK(ParseJson(audit.last.details).value()["reason"] == "more exactly");
  route.handler = [](Context&) -> Result<Response> { return Internal("a private cause"); };
  Ask(route);
  CHECK(audit.last.details.find("private") == std::string::npos);
  Ask(Succeeding());
  CHECK(!ParseJson(audit.last.details).value().contains("reason"));
}
