#include "tests/unit/api/pipeline_batch_fixture.h"

using namespace claviger;
using namespace claviger::api;
using http::Method;
using http::Response;

TEST_CASE_FIXTURE(PipelineBatchFixture,
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

TEST_CASE_FIXTURE(PipelineBatchFixture,
                  "what a batch has committed with its record is recorded and done once") {
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

TEST_CASE_FIXTURE(PipelineBatchFixture, "no answer of a batch leaves before its own record is committed") {
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

TEST_CASE_FIXTURE(PipelineBatchFixture, "values of a batch whose records cannot be committed never leave") {
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

TEST_CASE_FIXTURE(PipelineBatchFixture,
                  "requests of a batch are wiped before the answer leaves, and values that may not") {
  const std::string caller(100, 'c');
  std::vector<std::string_view> bodies, credentials;
  Open({BatchedBut([&](std::span<Context> contexts, std::vector<BatchAnswer>& answers) {
    for (size_t i = 0; i < contexts.size(); ++i) {
      bodies.emplace_back(contexts[i].request.body);
      credentials.push_back(*contexts[i].request.Header("authorization"));
      answers[i] = Response::Json(200, std::string(100, 'v'));
      bodies.emplace_back(answers[i]->value().body);
    }
  })});
  const auto wiped = [](std::string_view body) {
    return std::all_of(body.begin(), body.end(), [](char byte) { return byte == 0; });
  };
  audit.fails = true;
  const auto asked = AskForAll({caller, caller});
  std::vector<std::array<bool, 3>> seen(2);
  for (size_t i = 0; i < 2; ++i) {
    asked[i].answer->before_send = [&, i] {
      seen[i] = {wiped(bodies[2 * i]), wiped(bodies[2 * i + 1]), wiped(credentials[i])};
    };
  }
  Release();
  for (size_t i = 0; i < 2; ++i) {
    CHECK(asked[i].answer->Get().status == 503);
    for (const bool was_wiped : seen[i]) CHECK(was_wiped);
  }
}

TEST_CASE_FIXTURE(PipelineBatchFixture,
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

TEST_CASE_FIXTURE(PipelineBatchFixture,
                  "a full queue of the batches is 503 at once, and other routes still serve") {
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

TEST_CASE_FIXTURE(PipelineBatchFixture,
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
