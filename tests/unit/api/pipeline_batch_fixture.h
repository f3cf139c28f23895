#pragma once
// Requests of which the pipeline makes a batch.

#include "tests/unit/api/pipeline_fixture.h"

namespace claviger::api {

// Requests that wait together, because the pipeline's only thread for batches is held meanwhile.
struct PipelineBatchFixture : PipelineFixture {
  ~PipelineBatchFixture() {
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
    route.method = http::Method::kPut;
    route.auth = AuthKind::kUser;
    route.action = "x.write";
    route.handler = [this](Context& context) -> Result<http::Response> {
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
  static http::Response AnswerTo(const Context& context, const std::string& how) {
    return http::Response::Json(200,
                                how + " " + context.request.body + " " + FormatUuid(context.principal.id));
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
    hold.handler = [this](Context&) -> Result<http::Response> {
      held_.set_value();
      released_.get_future().wait();
      return http::Response::NoContent();
    };
    routes.push_back(hold);
    pipeline.emplace(Router(std::move(routes)), authenticator, ip_gate, audit, workers, hashers, log, limits);
    Introduce("holder");
    AskFor("holder", http::Method::kPut, "hold");
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
  Asked AskFor(const std::string& caller, http::Method method = http::Method::kPut,
               const char* segment = "x") {
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

}  // namespace claviger::api
