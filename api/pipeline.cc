#include "api/pipeline.h"

#include <map>
#include <typeinfo>

#include "api/http/problem.h"
#include "base/request_scope.h"
#include "base/secret_bytes.h"

namespace claviger::api {
namespace {

// Bodies of unknown routes: their answer is a 404 whatever the body says.
constexpr size_t kDefaultMaxBody = 64 * 1024;
constexpr size_t kMaxBatch = 32;

// A write whose connection was lost at COMMIT, or that somebody gave up waiting for, may have taken effect.
std::string_view OutcomeOf(const Route& route, int status) {
  if (status < 400) return "success";
  if (status == 503 && route.method != http::Method::kGet) return "unknown";
  return status == 401 || status == 403 || status == 429 ? "denied" : "failed";
}

Status CheckKind(const Route& route, const Principal& principal) {
  if (route.auth == AuthKind::kUser && principal.type != PrincipalType::kUser) {
    return Forbidden("Only a person may do this");
  }
  if (route.auth == AuthKind::kAgent && principal.type != PrincipalType::kAgent) {
    return Forbidden("Only an agent may do this");
  }
  if (principal.role == Role::kAuditor && !route.for_auditors) {
    return Forbidden("An auditor may only read the audit log");
  }
  return Ok();
}

bool IsWayBackIn(const Route& route, const http::Request& request, const Principal& principal) {
  return route.open_to_local_owner && request.client.IsLocal() && principal.type == PrincipalType::kUser &&
         principal.role == Role::kOwner;
}

// The border where exceptions of libraries that a handler or an admission let through become errors. Their
// texts are not logged: some quote their input.
template <class T>
Result<T> Call(const std::function<Result<T>(Context&)>& step, Context& context) {
  try {
    return step(context);
  } catch (const std::exception& exception) {
    return Internal(std::string("exception ") + typeid(exception).name());
  } catch (...) {
    return Internal("unknown exception");
  }
}

http::Response Refuse(const Refusal& refusal, const Error& error) {
  return refusal ? refusal(error) : http::Problem(error);
}

void WipeBody(std::string& body) {
  Wipe(body.data(), body.size());
  body.clear();
}

// Headers carry credentials and keys.
void WipeRequest(http::Request& request) {
  WipeBody(request.body);
  for (auto& [name, value] : request.headers) Wipe(value.data(), value.size());
}

}  // namespace

// A request on its way through a batch.
struct Pipeline::Attempt {
  Job* job;
  Principal principal;
  AuditDraft draft;
};

Pipeline::Pipeline(Router router, Authenticator& authenticator, IpGate& ip_gate, AuditLog& audit,
                   WorkPool& workers, WorkPool& hashers, const Log& log, BatchLimits batches,
                   Limiters limiters)
    : router_(std::move(router)),
      authenticator_(authenticator),
      ip_gate_(ip_gate),
      audit_(audit),
      workers_(workers),
      hashers_(hashers),
      log_(log),
      limiters_(limiters),
      batches_({batches.threads, batches.queue, kMaxBatch},
               [this](std::vector<Job>& jobs) { RunBatch(jobs); }) {}

size_t Pipeline::MaxBody(http::Method method, const http::Target& target) const {
  std::string allow;
  const auto match = router_.Find(method, target, &allow);
  return match.has_value() ? match.value().route->max_body : kDefaultMaxBody;
}

Result<Router::Match> Pipeline::FindRoute(http::Method method, const http::Target& target,
                                          std::string* allow) const {
  auto match = router_.Find(method, target, allow);
  if (method != http::Method::kHead || match.has_value()) return match;
  std::string unused;
  auto as_get = router_.Find(http::Method::kGet, target, &unused);
  if (as_get.has_value() && as_get.value().route->runs_on == RunsOn::kIoThread) return as_get;
  return match;
}

void Pipeline::Handle(http::Request request, http::Responder responder) {
  std::string allow;
  auto found = FindRoute(request.method, request.target, &allow);
  if (!found.has_value()) {
    http::Response refusal = http::Problem(found.error());
    if (found.error().kind == ErrorKind::kMethodNotAllowed) refusal.headers.emplace_back("Allow", allow);
    responder.Send(std::move(refusal));
    return;
  }
  Router::Match match = std::move(found).value();
  const Route& route = *match.route;
  if (route.runs_on == RunsOn::kIoThread) return AnswerAtOnce(match, request, responder);

  Job job{std::move(match), std::move(request), responder};
  if (!Shape(job)) return;
  bool queued = false;
  if (route.batch) {
    queued = batches_.Submit(std::move(job));
  } else if (route.admit) {
    queued = workers_.Submit([this, job = std::move(job)]() mutable { RunAdmission(job); });
  } else {
    WorkPool& pool = route.runs_on == RunsOn::kHashers ? hashers_ : workers_;
    queued = pool.Submit([this, job = std::move(job)]() mutable { Run(job); });
  }
  if (!queued) responder.Send(Refuse(route.refusal, Unavailable("the work queue is full")));
}

void Pipeline::AnswerAtOnce(const Router::Match& match, const http::Request& request,
                            const http::Responder& responder) {
  const Principal nobody;
  AuditDraft unused(request, {}, match.route->operation_id);
  Context context{request, match.params, nobody, unused};
  responder.Send(Settle(*match.route, request, Call(match.route->handler, context), unused));
}

bool Pipeline::Shape(Job& job) {
  if (limiters_.shaper == nullptr) return true;
  const Route& route = *job.match.route;
  std::optional<AuditDraft> draft;
  Status admitted = limiters_.shaper->Admit(route, job.request, draft);
  if (admitted.has_value()) return true;
  Deliver(job, *draft, Settle(route, job.request, std::move(admitted).as_failure(), *draft));
  return false;
}

void Pipeline::RunAdmission(Job& job) {
  const RequestScope scope(job.request.id);
  const Route& route = *job.match.route;
  AuditDraft draft(job.request, route.action, route.operation_id);
  Principal principal;
  auto permit = Admit(job, principal, draft);
  if (!permit.has_value()) {
    return Deliver(job, draft, Settle(route, job.request, std::move(permit).as_failure(), draft));
  }
  if (permit.value().at_once) return Finish(job, principal, draft, std::move(permit).value());
  http::Responder responder = job.responder;
  const Permit charged = permit.value();
  WorkPool& pool = route.runs_on == RunsOn::kHashers ? hashers_ : workers_;
  const bool queued = pool.Submit(
      [this, job = std::move(job), principal = std::move(principal), draft = std::move(draft),
       permit = std::move(permit).value()]() mutable { Finish(job, principal, draft, std::move(permit)); });
  if (queued) return;
  limiters_.guesses->GiveBack(charged);  // or a full queue would use up the guesses of whoever waits for it
  responder.Send(http::Problem(Unavailable("the work queue is full")));
}

void Pipeline::Finish(Job& job, const Principal& principal, AuditDraft& draft, Permit permit) {
  const RequestScope scope(job.request.id);
  const Route& route = *job.match.route;
  Context context{job.request, job.match.params, principal, draft, std::move(permit)};
  Deliver(job, draft, Settle(route, job.request, Call(route.handler, context), draft));
}

Result<Permit> Pipeline::Admit(const Job& job, Principal& principal, AuditDraft& draft) {
  const Route& route = *job.match.route;
  TRY(principal, Identify(route, job.request, draft));
  Context context{job.request, job.match.params, principal, draft};
  return Call(route.admit, context);
}

void Pipeline::Run(Job& job) {
  const RequestScope scope(job.request.id);
  const Route& route = *job.match.route;
  AuditDraft draft(job.request, route.action, route.operation_id);
  http::Response response = Settle(route, job.request, Serve(job.match, job.request, draft), draft);
  Deliver(job, draft, std::move(response));
}

void Pipeline::Deliver(Job& job, const AuditDraft& draft, http::Response response) {
  const Route& route = *job.match.route;
  WipeRequest(job.request);
  if (draft.committed() || route.action.empty()) return job.responder.Send(std::move(response));

  auto record = audit_.Finish(draft, draft.refused() ? "denied" : OutcomeOf(route, response.status));
  audit_.Append(std::move(record), [refusal = route.refusal, response = std::move(response),
                                    responder = std::move(job.responder)](Status committed) mutable {
    if (committed.has_value()) return responder.Send(std::move(response));
    WipeBody(response.body);
    responder.Send(Refuse(refusal, committed.error()));
  });
}

void Pipeline::RunBatch(std::vector<Job>& jobs) {
  std::map<const Route*, std::vector<Job*>> by_route;
  for (Job& job : jobs) by_route[job.match.route].push_back(&job);
  for (const auto& [route, members] : by_route) {
    if (members.size() == 1) {
      Run(*members.front());
    } else {
      RunTogether(*route, members);
    }
  }
}

void Pipeline::RunTogether(const Route& route, std::span<Job* const> jobs) {
  std::vector<Attempt> attempts;
  attempts.reserve(jobs.size());
  for (Job* job : jobs) {
    auto principal = authenticator_.Recall(job->request);
    // Rules that are not known for sure are asked by the request that goes alone.
    if (!principal || !CheckKind(route, *principal) ||
        !ip_gate_.Recall(*principal, job->request.client).value_or(false)) {
      RunAlone(*job);
      continue;
    }
    attempts.push_back(
        {job, *std::move(principal), AuditDraft(job->request, route.action, route.operation_id)});
    attempts.back().draft.SetActor(attempts.back().principal);
  }
  if (attempts.empty()) return;
  std::vector<Context> contexts;
  contexts.reserve(attempts.size());
  for (Attempt& attempt : attempts) {
    contexts.push_back({attempt.job->request, attempt.job->match.params, attempt.principal, attempt.draft});
  }
  auto answers = CallBatchHandler(route, contexts);
  for (size_t i = 0; i < attempts.size(); ++i) {
    Job& job = *attempts[i].job;
    AuditDraft& draft = attempts[i].draft;
    if (answers[i]) {
      Deliver(job, draft, Settle(route, job.request, *std::move(answers[i]), draft));
    } else if (draft.committed()) {
      Deliver(job, draft, Settle(route, job.request, Internal("a batch broke off after its commit"), draft));
    } else {
      RunAlone(job);
    }
  }
}

// A batch that throws, for want of memory say, says nothing of any one request but what is committed.
std::vector<BatchAnswer> Pipeline::CallBatchHandler(const Route& route, std::span<Context> contexts) {
  try {
    auto answers = route.batch(contexts);
    if (answers.size() == contexts.size()) return answers;
  } catch (...) {
  }
  return std::vector<BatchAnswer>(contexts.size());
}

void Pipeline::RunAlone(Job& job) {
  http::Responder responder = job.responder;
  const bool queued = workers_.Submit([this, job = std::move(job)]() mutable { Run(job); });
  if (!queued) responder.Send(http::Problem(Unavailable("the work queue is full")));
}

Result<Principal> Pipeline::Identify(const Route& route, const http::Request& request, AuditDraft& draft) {
  if (route.auth == AuthKind::kNone) return Principal{};
  auto authenticated = authenticator_.Authenticate(request);
  if (!authenticated.has_value()) {
    draft.SetAction("auth.failure");
    draft.AddDetail("route", route.pattern);
    return authenticated;
  }
  draft.SetActor(authenticated.value());
  TRYV(CheckAddress(route, request, authenticated.value(), draft));
  TRYV(CheckKind(route, authenticated.value()));
  return authenticated;
}

Result<http::Response> Pipeline::Serve(const Router::Match& match, const http::Request& request,
                                       AuditDraft& draft) {
  TRY(const auto principal, Identify(*match.route, request, draft));
  Context context{request, match.params, principal, draft};
  return Call(match.route->handler, context);
}

Status Pipeline::CheckAddress(const Route& route, const http::Request& request, const Principal& principal,
                              AuditDraft& draft) {
  TRY(const bool admitted, ip_gate_.Admits(principal, request.client));
  if (admitted || IsWayBackIn(route, request, principal)) return Ok();
  draft.AddDetail("reason", "ip_rule");
  return Forbidden("Requests from this address are not allowed");
}

http::Response Pipeline::Settle(const Route& route, const http::Request& request,
                                Result<http::Response> answer, AuditDraft& draft) {
  if (answer.has_value()) return std::move(answer).value();
  const Error& error = answer.error();
  draft.Explain(error.detail);
  http::Response response = Refuse(route.refusal, error);
  if (response.status >= 500) {
    failures_.Note(route, request, error, response.status);
  } else {
    log_.Debug("request refused", {{"request_id", FormatUuid(request.id)},
                                   {"operation", route.operation_id},
                                   {"route", route.pattern},
                                   {"status", std::to_string(response.status)},
                                   {"cause", error.cause}});
  }
  return response;
}

}  // namespace claviger::api
