#include "api/pipeline.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <future>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <stdexcept>

#include "api/json/json.h"
#include "crypto/random.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_keyring.h"

using namespace claviger;
using namespace claviger::api;
using http::Method;
using http::Response;

namespace {

// What happened, in order, from all threads.
class Journal {
 public:
  void Add(std::string entry, std::string request_id = {}) {
    const std::lock_guard lock(mutex_);
    entries_.push_back({std::move(entry), std::move(request_id)});
  }
  std::vector<std::string> entries() const {
    return Select([](const Entry&) { return true; });
  }
  std::vector<std::string> entries(const std::string& request_id) const {
    return Select([&](const Entry& entry) { return entry.request_id == request_id; });
  }

 private:
  struct Entry {
    std::string text;
    std::string request_id;
  };
  template <class Wanted>
  std::vector<std::string> Select(Wanted wanted) const {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> texts;
    for (const Entry& entry : entries_) {
      if (wanted(entry)) texts.push_back(entry.text);
    }
    return texts;
  }
  mutable std::mutex mutex_;
  std::vector<Entry> entries_;
};

class FakeAuthenticator final : public Authenticator {
 public:
  FakeAuthenticator(Journal& journal, schema::Pool& pool, const Clock& clock,
                    const crypto::TokenVerifier& verifier, crypto::Keyring& keyring, KeyUses& uses)
      : Authenticator(pool, clock, verifier, keyring, uses), journal_(journal) {}
  Result<Principal> Authenticate(const http::Request& request) override {
    journal_.Add("authenticate", FormatUuid(request.id));
    if (const auto recalled = Recall(request)) return *recalled;
    if (failure) return *failure;
    return principal;
  }
  std::optional<Principal> Recall(const http::Request& request) override {
    const auto found = known.find(request.Header("authorization").value_or(""));
    return found == known.end() ? std::nullopt : std::optional(found->second);
  }
  Principal principal;
  std::optional<Error> failure;
  std::map<std::string, Principal, std::less<>> known;  // by the header

 private:
  Journal& journal_;
};

class FakeIpGate final : public IpGate {
 public:
  using IpGate::IpGate;
  Result<bool> Admits(const Principal& principal, const http::ClientAddress&) override {
    if (failure) return *failure;
    return admits && !refused.contains(principal.id);
  }
  std::optional<bool> Recall(const Principal& principal, const http::ClientAddress&) override {
    if (forgotten.contains(principal.id)) return std::nullopt;
    return admits && !refused.contains(principal.id);
  }
  bool admits = true;
  std::set<Uuid> refused;    // principals whose rules refuse them
  std::set<Uuid> forgotten;  // principals whose rules are not in the cache
  std::optional<Error> failure;
};

class FakeAuditLog final : public AuditLog {
 public:
  FakeAuditLog(Journal& journal, schema::Pool& pool, const Clock& clock, Random& random, const Log& log)
      : AuditLog(pool, clock, random, log, 1), journal_(journal) {}
  void Append(crypto::AuditRecord record, std::function<void(Status)> done) override {
    journal_.Add("audit " + record.action + " " + record.outcome, record.request_id);
    const std::lock_guard lock(mutex_);
    last = record;
    records[record.request_id] = record;
    if (holds) return held.push_back(std::move(done));
    done(fails ? Status(Unavailable("no database")) : Status(Ok()));
  }
  bool fails = false;
  bool holds = false;  // commits nothing by itself
  crypto::AuditRecord last;
  std::map<std::string, crypto::AuditRecord> records;  // by request
  std::vector<std::function<void(Status)>> held;

 private:
  Journal& journal_;
  std::mutex mutex_;  // Append comes from several threads; tests look once all is answered
};

class Answer final : public http::Responder::Sink {
 public:
  explicit Answer(Journal& journal, std::string request_id = {})
      : journal_(journal), request_id_(std::move(request_id)) {}
  void Send(Response response) override {
    if (before_send) before_send();
    journal_.Add("send " + std::to_string(response.status), request_id_);
    sent_.set_value(std::move(response));
  }
  Response Get() { return sent_.get_future().get(); }

  std::function<void()> before_send;

 private:
  Journal& journal_;
  const std::string request_id_;
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
    Pipeline pipeline(Router(std::move(routes)), authenticator, ip_gate, audit, workers, hashers, log);
    http::Request request;
    request.method = method;
    request.target.segments = {"x"};
    request.body = "body";
    request.client = client;
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
  crypto::SystemRandom random;  // of several threads at once
  Log log{LogLevel::kError};
  Journal journal;
  schema::Pool pool{schema::PgConfig{}, log};
  crypto::TokenVerifier verifier{"test", {}};
  fakes::FakeKeyring keyring;
  KeyUses uses{pool, clock, log};
  FakeAuthenticator authenticator{journal, pool, clock, verifier, keyring, uses};
  FakeIpGate ip_gate{pool, clock};
  FakeAuditLog audit{journal, pool, clock, random, log};
  WorkPool workers{1, 8};
  WorkPool hashers{1, 8};
  http::ClientAddress client = http::PeerAddress("127.0.0.1");
  std::string request_id;
};

// Requests that wait together, because the pipeline's only thread for batches is held meanwhile.
struct BatchFixture : Fixture {
  ~BatchFixture() {
    Release();
    if (pipeline) pipeline->Stop();
    workers.Stop();  // what it runs refers to the pipeline
  }

  struct Asked {
    std::string id;
    std::shared_ptr<Answer> answer;
  };

  // PUT /x, for people who are known. Alone or together, the answer names who asked.
  Route Batched() {
    Route route;
    route.method = Method::kPut;
    route.auth = AuthKind::kUser;
    route.action = "x.write";
    route.handler = [this](Context& context) -> Result<Response> {
      journal.Add("alone", FormatUuid(context.request.id));
      return AnswerTo(context, "alone");
    };
    route.batch = [this](std::span<Context> contexts) {
      sizes.push_back(contexts.size());
      std::vector<BatchAnswer> answers;
      for (Context& context : contexts) {
        journal.Add("together", FormatUuid(context.request.id));
        context.audit.SetResource("thing", "of " + context.request.body);
        answers.emplace_back(AnswerTo(context, "together"));
      }
      return answers;
    };
    return route;
  }
  // The batch handler of Batched, but for what `change` makes of its answers.
  Route BatchedBut(std::function<void(std::span<Context>, std::vector<BatchAnswer>&)> change) {
    Route route = Batched();
    route.batch = [usual = route.batch, change = std::move(change)](std::span<Context> contexts) {
      auto answers = usual(contexts);
      change(contexts, answers);
      return answers;
    };
    return route;
  }
  static Response AnswerTo(const Context& context, const std::string& how) {
    return Response::Json(200, how + " " + context.request.body + " " + FormatUuid(context.principal.id));
  }
  std::string BodyFor(const std::string& caller, const std::string& how) {
    return how + " " + caller + " " + FormatUuid(authenticator.known.at(caller).id);
  }

  // The next requests wait.
  void Open(std::vector<Route> routes, BatchLimits limits = {}) {
    for (auto& route : routes) {
      route.pattern = "/x";
      route.operation_id = "doX";
    }
    Route hold = Batched();
    hold.pattern = "/hold";
    hold.handler = [this](Context&) -> Result<Response> {
      held_.set_value();
      released_.get_future().wait();
      return Response::NoContent();
    };
    routes.push_back(hold);
    pipeline.emplace(Router(std::move(routes)), authenticator, ip_gate, audit, workers, hashers, log, limits);
    Introduce("holder");
    AskFor("holder", Method::kPut, "hold");
    held_.get_future().wait();
  }
  void Release() {
    if (!std::exchange(free_, true)) released_.set_value();
  }
  void Introduce(const std::string& caller, PrincipalType type = PrincipalType::kUser) {
    Principal& principal = authenticator.known[caller];
    principal.type = type;
    principal.id = NewUuidV7(clock, random);
    principal.org = OrgId{NewUuidV7(clock, random)};
  }
  Asked AskFor(const std::string& caller, Method method = Method::kPut, const char* segment = "x") {
    http::Request request;
    request.method = method;
    request.target.segments = {segment};
    request.headers = {{"authorization", caller}};
    request.body = caller;
    request.id = NewUuidV7(clock, random);
    Asked asked{FormatUuid(request.id), nullptr};
    asked.answer = std::make_shared<Answer>(journal, asked.id);
    pipeline->Handle(std::move(request), http::Responder(asked.answer));
    return asked;
  }
  std::vector<Asked> AskForAll(const std::vector<std::string>& callers) {
    std::vector<Asked> asked;
    for (const auto& caller : callers) {
      Introduce(caller);
      asked.push_back(AskFor(caller));
    }
    return asked;
  }

  const Entries together{"together", "audit x.write success", "send 200"};
  const Entries alone{"authenticate", "alone", "audit x.write success", "send 200"};
  std::vector<size_t> sizes;  // of the batches, by the thread for batches
  std::optional<Pipeline> pipeline;

 private:
  std::promise<void> held_, released_;
  bool free_ = false;
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

TEST_CASE_FIXTURE(Fixture, "a route's refusals look as it says, also where its record cannot be committed") {
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

TEST_CASE_FIXTURE(Fixture, "a refusal in an answer of 200 is recorded as denied, with its reason") {
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

  Pipeline pipeline(Router({}), authenticator, ip_gate, audit, workers, hashers, log);
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
  const Pipeline pipeline(Router({route}), authenticator, ip_gate, audit, workers, hashers, log);
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

TEST_CASE_FIXTURE(BatchFixture,
                  "requests that wait together each get their own answer and their own record") {
  Open({Batched()});
  std::vector<std::string> callers;
  for (int i = 0; i < 32; ++i) callers.push_back("caller " + std::to_string(i));
  const auto asked = AskForAll(callers);
  CHECK(sizes.empty());
  Release();
  for (size_t i = 0; i < callers.size(); ++i) {
    const Response response = asked[i].answer->Get();
    CHECK(response.status == 200);
    CHECK(response.body == BodyFor(callers[i], "together"));
    CHECK(journal.entries(asked[i].id) == together);
    const auto& record = audit.records.at(asked[i].id);
    const Principal& principal = authenticator.known.at(callers[i]);
    CHECK(record.org == principal.org);
    CHECK(record.actor_type == "user");
    CHECK(record.actor_id == FormatUuid(principal.id));
    CHECK(record.resource_id == "of " + callers[i]);
    CHECK(ParseJson(record.details).value()["operation"] == "doX");
  }
  CHECK(sizes == std::vector<size_t>{32});
}

TEST_CASE_FIXTURE(BatchFixture, "more requests than one batch may hold make several") {
  Open({Batched()});
  const auto asked = AskForAll(std::vector<std::string>(40, "caller"));
  Release();
  for (const auto& each : asked) CHECK(each.answer->Get().status == 200);
  CHECK(sizes == std::vector<size_t>{32, 8});
}

TEST_CASE_FIXTURE(BatchFixture, "a request without company goes through the ordinary handler") {
  Open({Batched()});
  const auto asked = AskForAll({"caller"});
  Release();
  CHECK(asked[0].answer->Get().body == BodyFor("caller", "alone"));
  CHECK(journal.entries(asked[0].id) == alone);
}

TEST_CASE_FIXTURE(BatchFixture, "each route of a batch has its own handler") {
  Route read = Batched();
  read.method = Method::kGet;
  read.action = "x.read";
  read.batch = [](std::span<Context> contexts) {
    return std::vector<BatchAnswer>(contexts.size(), Response::Json(200, "read"));
  };
  Open({Batched(), read});
  Introduce("a");
  std::vector<Asked> writes, reads;
  for (int i = 0; i < 3; ++i) {
    writes.push_back(AskFor("a", Method::kPut));
    reads.push_back(AskFor("a", Method::kGet));
  }
  Release();
  for (int i = 0; i < 3; ++i) {
    CHECK(writes[i].answer->Get().body == BodyFor("a", "together"));
    CHECK(reads[i].answer->Get().body == "read");
    CHECK(journal.entries(reads[i].id) == Entries{"audit x.read success", "send 200"});
  }
  CHECK(sizes == std::vector<size_t>{3});
}

TEST_CASE_FIXTURE(BatchFixture, "whoever cannot be answered together takes the ordinary way, and only they") {
  Open({BatchedBut([](std::span<Context> contexts, std::vector<BatchAnswer>& answers) {
    for (size_t i = 0; i < contexts.size(); ++i) {
      if (contexts[i].request.body == "difficult") answers[i].reset();
    }
  })});
  authenticator.failure = Unauthenticated("expired");
  for (const char* caller : {"first", "difficult", "last"}) Introduce(caller);
  Introduce("agent", PrincipalType::kAgent);
  std::map<std::string, Asked> asked;
  for (const char* caller : {"first", "stranger", "difficult", "agent", "last"})
    asked[caller] = AskFor(caller);
  Release();

  for (const char* caller : {"first", "last"}) {
    CHECK(asked[caller].answer->Get().body == BodyFor(caller, "together"));
    CHECK(journal.entries(asked[caller].id) == together);
  }
  CHECK(asked["stranger"].answer->Get().status == 401);
  CHECK(journal.entries(asked["stranger"].id) ==
        Entries{"authenticate", "audit auth.failure denied", "send 401"});
  CHECK(audit.records.at(asked["stranger"].id).org.IsNil());
  CHECK(asked["agent"].answer->Get().status == 403);
  CHECK(journal.entries(asked["agent"].id) == Entries{"authenticate", "audit x.write denied", "send 403"});
  CHECK(asked["difficult"].answer->Get().body == BodyFor("difficult", "alone"));
  CHECK(journal.entries(asked["difficult"].id) ==
        Entries{"together", "authenticate", "alone", "audit x.write success", "send 200"});
  CHECK(audit.records.at(asked["difficult"].id).resource_id.empty());  // nothing of the batch's draft
  CHECK(sizes == std::vector<size_t>{3});
}

TEST_CASE_FIXTURE(BatchFixture, "while nobody is known from the cache there are no batches") {
  Open({Batched()});
  std::vector<Asked> asked;
  for (const char* caller : {"a", "b", "c"}) asked.push_back(AskFor(caller));
  Release();
  for (const auto& each : asked) {
    CHECK(each.answer->Get().status == 200);
    CHECK(journal.entries(each.id) == alone);
  }
  pipeline->Stop();
  CHECK(sizes.empty());
}

TEST_CASE_FIXTURE(BatchFixture, "only who is known to pass the IP rules is answered in a batch") {
  Open({Batched()});
  const std::vector<std::string> callers{"first", "refused", "forgotten", "forgotten and refused", "last"};
  for (const auto& caller : callers) Introduce(caller);
  const auto id = [&](const char* caller) { return authenticator.known[caller].id; };
  ip_gate.refused = {id("refused"), id("forgotten and refused")};
  ip_gate.forgotten = {id("forgotten"), id("forgotten and refused")};
  std::map<std::string, Asked> asked;
  for (const auto& caller : callers) asked[caller] = AskFor(caller);
  Release();

  for (const char* caller : {"first", "last"}) {
    CHECK(asked[caller].answer->Get().body == BodyFor(caller, "together"));
    CHECK(journal.entries(asked[caller].id) == together);
  }
  CHECK(asked["forgotten"].answer->Get().body == BodyFor("forgotten", "alone"));
  CHECK(journal.entries(asked["forgotten"].id) == alone);
  for (const char* caller : {"refused", "forgotten and refused"}) {
    CHECK(asked[caller].answer->Get().status == 403);
    CHECK(journal.entries(asked[caller].id) == Entries{"authenticate", "audit x.write denied", "send 403"});
    CHECK(ParseJson(audit.records.at(asked[caller].id).details).value()["reason"] == "ip_rule");
  }
  CHECK(sizes == std::vector<size_t>{2});
}

TEST_CASE_FIXTURE(BatchFixture, "a batch without its answers sends each request through the handler, once") {
  Route route = Batched();
  SUBCASE("an exception") {
    route.batch = [](std::span<Context>) -> std::vector<BatchAnswer> { throw std::runtime_error("private"); };
  }
  SUBCASE("something else thrown") {
    route.batch = [](std::span<Context>) -> std::vector<BatchAnswer> { throw 7; };
  }
  SUBCASE("no answers") {
    route.batch = [](std::span<Context>) { return std::vector<BatchAnswer>(); };
  }
  SUBCASE("too few answers") {
    route.batch = [](std::span<Context> contexts) {
      return std::vector<BatchAnswer>(contexts.size() - 1, Response::Json(200, "whose?"));
    };
  }
  SUBCASE("too many answers") {
    route.batch = [](std::span<Context> contexts) {
      return std::vector<BatchAnswer>(contexts.size() + 1, Response::Json(200, "whose?"));
    };
  }
  Open({route});
  const std::vector<std::string> callers{"a", "b", "c", "d"};
  const auto asked = AskForAll(callers);
  Release();
  for (size_t i = 0; i < callers.size(); ++i) {
    CHECK(asked[i].answer->Get().body == BodyFor(callers[i], "alone"));
    CHECK(journal.entries(asked[i].id) == alone);
  }
}

TEST_CASE_FIXTURE(BatchFixture,
                  "an error of a batch becomes its problem body and its outcome, as any other") {
  const std::map<std::string, Error> errors = {{"absent", NotFound("Thing not found")},
                                               {"forbidden", Forbidden("no")},
                                               {"damaged", IntegrityFailure("private")},
                                               {"lost", Unavailable("connection lost at COMMIT")}};
  const auto fail = [&errors](std::span<Context> contexts, std::vector<BatchAnswer>& answers) {
    for (size_t i = 0; i < contexts.size(); ++i) {
      const auto error = errors.find(contexts[i].request.body);
      if (error != errors.end()) answers[i] = error->second;
    }
  };
  Route read = BatchedBut(fail);
  read.method = Method::kGet;
  read.action = "x.read";
  Open({BatchedBut(fail), read});
  std::map<std::string, Asked> writes, reads;
  for (const char* caller : {"absent", "well", "forbidden", "damaged", "lost"}) {
    Introduce(caller);
    writes[caller] = AskFor(caller);
    reads[caller] = AskFor(caller, Method::kGet);
  }
  Release();
  const std::tuple<const char*, int, std::string, std::string> expected[] = {
      {"absent", 404, "failed", "failed"},
      {"forbidden", 403, "denied", "denied"},
      {"damaged", 500, "failed", "failed"},
      {"lost", 503, "unknown", "failed"},
  };
  for (const auto& [caller, status, written, read_outcome] : expected) {
    CAPTURE(caller);
    const std::string send = "send " + std::to_string(status);
    const Response response = writes[caller].answer->Get();
    CHECK(response.content_type == "application/problem+json");
    if (status == 404) CHECK(DetailOf(response) == "Thing not found");
    CHECK(response.body.find("private") == std::string::npos);
    CHECK(HeaderOf(response, "Retry-After").empty() == (status != 503));
    CHECK(journal.entries(writes[caller].id) == Entries{"together", "audit x.write " + written, send});
    CHECK(reads[caller].answer->Get().status == status);
    CHECK(journal.entries(reads[caller].id) == Entries{"together", "audit x.read " + read_outcome, send});
  }
  CHECK(writes["well"].answer->Get().body == BodyFor("well", "together"));
}

TEST_CASE_FIXTURE(BatchFixture, "what a batch has committed with its record is recorded and done once") {
  const auto commit = [](std::span<Context> contexts, std::vector<BatchAnswer>&) {
    for (Context& context : contexts) {
      if (context.request.body == "committed") context.audit.MarkCommitted();
    }
  };
  bool breaks_off = false;
  SUBCASE("and answered") {}
  SUBCASE("also if the batch breaks off after it") { breaks_off = true; }
  Open({BatchedBut([&](std::span<Context> contexts, std::vector<BatchAnswer>& answers) {
    commit(contexts, answers);
    if (breaks_off) throw std::bad_alloc();
  })});
  const auto asked = AskForAll({"committed", "other"});
  Release();
  CHECK(asked[0].answer->Get().status == (breaks_off ? 500 : 200));
  CHECK(asked[1].answer->Get().status == 200);
  CHECK(journal.entries(asked[0].id) == Entries{"together", breaks_off ? "send 500" : "send 200"});
  Entries other = breaks_off ? alone : together;
  if (breaks_off) other.insert(other.begin(), "together");
  CHECK(journal.entries(asked[1].id) == other);
}

TEST_CASE_FIXTURE(BatchFixture, "no answer of a batch leaves before its own record is committed") {
  Open({Batched()});
  const auto asked = AskForAll({"a", "b", "c"});
  audit.holds = true;
  Release();
  pipeline->Stop();  // all is done but the commits
  for (const auto& each : asked) {
    CHECK(journal.entries(each.id) == Entries{"together", "audit x.write success"});
  }
  const auto committed = [&](const Asked& one) { return journal.entries(one.id).back() == "send 200"; };
  REQUIRE(audit.held.size() == 4);  // the first is the holder's
  audit.held[2](Ok());
  CHECK(committed(asked[1]));
  CHECK(!committed(asked[0]));
  CHECK(!committed(asked[2]));
  audit.held[3](Unavailable("no database"));
  CHECK(asked[2].answer->Get().status == 503);
  audit.held[1](Ok());
  CHECK(asked[0].answer->Get().body == BodyFor("a", "together"));
}

TEST_CASE_FIXTURE(BatchFixture, "values of a batch whose records cannot be committed never leave") {
  Open({Batched()});
  const auto asked = AskForAll({"a", "b", "c"});
  audit.fails = true;
  Release();
  for (const auto& each : asked) {
    const Response response = each.answer->Get();
    CHECK(response.status == 503);
    CHECK(response.body.find("together") == std::string::npos);
    CHECK(!HeaderOf(response, "Retry-After").empty());
  }
}

TEST_CASE_FIXTURE(BatchFixture,
                  "bodies of a batch are wiped before the answer leaves, and values that may not") {
  const std::string caller(100, 'c');
  std::vector<std::string_view> bodies;
  Open({BatchedBut([&](std::span<Context> contexts, std::vector<BatchAnswer>& answers) {
    for (size_t i = 0; i < contexts.size(); ++i) {
      bodies.emplace_back(contexts[i].request.body);
      answers[i] = Response::Json(200, std::string(100, 'v'));
      bodies.emplace_back(answers[i]->value().body);
    }
  })});
  const auto wiped = [](std::string_view body) {
    return std::all_of(body.begin(), body.end(), [](char byte) { return byte == 0; });
  };
  audit.fails = true;
  const auto asked = AskForAll({caller, caller});
  std::vector<std::pair<bool, bool>> seen(2);
  for (size_t i = 0; i < 2; ++i) {
    asked[i].answer->before_send = [&, i] { seen[i] = {wiped(bodies[2 * i]), wiped(bodies[2 * i + 1])}; };
  }
  Release();
  for (size_t i = 0; i < 2; ++i) {
    CHECK(asked[i].answer->Get().status == 503);
    CHECK(seen[i].first);
    CHECK(seen[i].second);
  }
}

TEST_CASE_FIXTURE(BatchFixture,
                  "who needs a worker while their queue is full gets 503, the others their answer") {
  Open({BatchedBut([](std::span<Context> contexts, std::vector<BatchAnswer>& answers) {
    for (size_t i = 0; i < contexts.size(); ++i) {
      if (contexts[i].request.body == "difficult") answers[i].reset();
    }
  })});
  std::promise<void> taken, freed;
  REQUIRE(workers.Submit([&taken, free = freed.get_future().share()] {
    taken.set_value();
    free.wait();
  }));
  taken.get_future().wait();
  while (workers.Submit([] {})) REQUIRE(workers.queued() < 100);

  auto asked = AskForAll({"well", "difficult", "well too"});
  asked.push_back(AskFor("stranger"));
  Release();
  for (const size_t i : {1, 3}) {
    const Response response = asked[i].answer->Get();
    CHECK(response.status == 503);
    CHECK(!HeaderOf(response, "Retry-After").empty());
  }
  CHECK(asked[0].answer->Get().body == BodyFor("well", "together"));
  CHECK(asked[2].answer->Get().body == BodyFor("well too", "together"));
  freed.set_value();
}

TEST_CASE_FIXTURE(BatchFixture, "a full queue of the batches is 503 at once, and other routes still serve") {
  Route other = Succeeding();
  other.method = Method::kPost;
  Open({Batched(), other}, {.threads = 1, .queue = 2});
  const auto asked = AskForAll({"a", "b", "c"});
  CHECK(asked[2].answer->Get().status == 503);
  CHECK(journal.entries(asked[2].id) == Entries{"send 503"});
  CHECK(AskFor("a", Method::kPost).answer->Get().status == 200);
  Release();
  CHECK(asked[0].answer->Get().status == 200);
  CHECK(asked[1].answer->Get().status == 200);
}

TEST_CASE_FIXTURE(BatchFixture,
                  "requests that wait for a batch are dropped when the pipeline discards them") {
  Open({Batched()});
  const auto asked = AskForAll({"a", "b"});
  pipeline->Discard();
  // Nobody can answer any more: the server does, with 500.
  for (const auto& each : asked) CHECK(each.answer.use_count() == 1);
  CHECK(AskFor("a").answer->Get().status == 503);
  Release();
  pipeline->Stop();
  for (const auto& each : asked) CHECK(journal.entries(each.id).empty());
  CHECK(sizes.empty());
}

TEST_CASE_FIXTURE(Fixture, "an address that the IP rules refuse reaches no handler, and that is recorded") {
  ip_gate.admits = false;
  const Response response = Ask(Succeeding());
  CHECK(response.status == 403);
  CHECK(DetailOf(response) == "Requests from this address are not allowed");
  CHECK(journal.entries() == Entries{"authenticate", "audit x.read denied", "send 403"});
  CHECK(audit.last.actor_id == FormatUuid(authenticator.principal.id));
  CHECK(ParseJson(audit.last.details).value()["reason"] == "ip_rule");
}

TEST_CASE_FIXTURE(Fixture, "IP rules that cannot be known let nobody pass") {
  ip_gate.failure = Unavailable("no database");
  CHECK(Ask(Succeeding()).status == 503);
  CHECK(journal.entries() == Entries{"authenticate", "audit x.read unknown", "send 503"});
}

TEST_CASE_FIXTURE(
    Fixture, "IP rules come after authentication and before the kind of caller, and not on public routes") {
  ip_gate.admits = false;
  authenticator.failure = Unauthenticated("expired");
  CHECK(Ask(Succeeding()).status == 401);
  authenticator.failure.reset();
  Route route = Succeeding();
  authenticator.principal.type = PrincipalType::kAgent;
  route.auth = AuthKind::kUser;
  CHECK(DetailOf(Ask(route)) == "Requests from this address are not allowed");
  route.auth = AuthKind::kNone;
  CHECK(Ask(route).status == 200);
}

TEST_CASE_FIXTURE(Fixture,
                  "an owner on the server's own machine finds the way back in, and nobody else does") {
  ip_gate.admits = false;
  Route door = Succeeding();
  door.open_to_local_owner = true;
  authenticator.principal.role = Role::kOwner;
  for (const char* local : {"127.0.0.1", "::1", "unix"}) {
    client = http::PeerAddress(local);
    CHECK(Ask(door).status == 200);
  }
  CHECK(Ask(Succeeding()).status == 403);
  client = http::PeerAddress("192.0.2.7");
  CHECK(Ask(door).status == 403);
  client = http::PeerAddress("127.0.0.1");
  client.forwarded = true;
  CHECK(Ask(door).status == 403);
  client.forwarded = false;
  authenticator.principal.role = Role::kAdmin;
  CHECK(Ask(door).status == 403);
  authenticator.principal.role = Role::kOwner;
  authenticator.principal.type = PrincipalType::kAgent;
  CHECK(Ask(door).status == 403);
}
