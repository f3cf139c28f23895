#include "tests/unit/api/pipeline_batch_fixture.h"

using namespace claviger;
using namespace claviger::api;
using http::Method;
using http::Response;

TEST_CASE_FIXTURE(PipelineBatchFixture,
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

TEST_CASE_FIXTURE(PipelineBatchFixture, "more requests than one batch may hold make several") {
  Open({Batched()});
  const auto asked = AskForAll(std::vector<std::string>(40, "caller"));
  Release();
  for (const auto& each : asked) CHECK(each.answer->Get().status == 200);
  CHECK(sizes == std::vector<size_t>{32, 8});
}

TEST_CASE_FIXTURE(PipelineBatchFixture, "a request without company goes through the ordinary handler") {
  Open({Batched()});
  const auto asked = AskForAll({"caller"});
  Release();
  CHECK(asked[0].answer->Get().body == BodyFor("caller", "alone"));
  CHECK(journal.entries(asked[0].id) == alone);
}

TEST_CASE_FIXTURE(PipelineBatchFixture, "each route of a batch has its own handler") {
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

TEST_CASE_FIXTURE(PipelineBatchFixture,
                  "whoever cannot be answered together takes the ordinary way, and only they") {
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

TEST_CASE_FIXTURE(PipelineBatchFixture, "while nobody is known from the cache there are no batches") {
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

TEST_CASE_FIXTURE(PipelineBatchFixture, "only who is known to pass the IP rules is answered in a batch") {
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

TEST_CASE_FIXTURE(PipelineBatchFixture,
                  "a batch without its answers sends each request through the handler, once") {
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
