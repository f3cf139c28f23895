#pragma once
// The life of a request, in order: route, rate limit, audit draft, authentication, IP rules, admission,
// handler, audit commit, answer. The order is this one list; a route's columns say which steps it takes.
//
// Requests of a route that has a batch handler are answered together while they come faster than one by one:
// they share their round trips and visits to the HSM. Only what goes plainly well is answered so. A request
// that needs more, or that would fail, runs through the same steps by itself.

#include <span>
#include <vector>

#include "api/access/authenticator.h"
#include "api/audit/audit_log.h"
#include "api/failure_log.h"
#include "api/http/server.h"
#include "api/ip_rules/ip_gate.h"
#include "api/limits/guess_budgets.h"
#include "api/limits/traffic_shaper.h"
#include "api/routes.h"
#include "api/work_pool.h"
#include "base/log.h"

namespace claviger::api {

// What refuses before anything expensive is queued. Without a shaper no client is too fast; without budgets
// no route admits.
struct Limiters {
  TrafficShaper* shaper = nullptr;
  GuessBudgets* guesses = nullptr;
};

// Of the pool that runs batch handlers.
struct BatchLimits {
  uint32_t threads = 1;
  size_t queue = 1024;
};

class Pipeline {
 public:
  Pipeline(Router router, Authenticator& authenticator, IpGate& ip_gate, AuditLog& audit, WorkPool& workers,
           WorkPool& hashers, const Log& log, BatchLimits batches = {}, Limiters limiters = {});

  // http::Handler: on an IO thread, never blocks. HEAD is served as GET on routes that run on the IO thread.
  void Handle(http::Request request, http::Responder responder);
  // http::BodyLimit.
  size_t MaxBody(http::Method method, const http::Target& target) const;
  const Router& router() const { return router_; }

  // Of the batch handlers' own pool, as the WorkPool's.
  void Discard() { batches_.Discard(); }
  void Stop() { batches_.Stop(); }

 private:
  struct Job {
    Router::Match match;
    http::Request request;
    http::Responder responder;
  };
  struct Attempt;
  Result<Router::Match> FindRoute(http::Method method, const http::Target& target, std::string* allow) const;
  void AnswerAtOnce(const Router::Match& match, const http::Request& request,
                    const http::Responder& responder);
  // False if the client is too fast and has been told so.
  bool Shape(Job& job);
  // The steps of one request on its worker thread.
  void Run(Job& job);
  // The same for a route with an admission: up to there, then the rest, in the route's own pool if it needs
  // it.
  void RunAdmission(Job& job);
  Result<Permit> Admit(const Job& job, Principal& principal, AuditDraft& draft);
  void Finish(Job& job, const Principal& principal, AuditDraft& draft, Permit permit);
  void RunBatch(std::vector<Job>& jobs);
  void RunTogether(const Route& route, std::span<Job* const> jobs);
  // Hands it to a worker.
  void RunAlone(Job& job);
  std::vector<BatchAnswer> CallBatchHandler(const Route& route, std::span<Context> contexts);
  // The last steps: the audit record commits, then the answer leaves.
  void Deliver(Job& job, const AuditDraft& draft, http::Response response);
  // Authentication, IP rules, the route's auth kind.
  Result<Principal> Identify(const Route& route, const http::Request& request, AuditDraft& draft);
  // These and the handler.
  Result<http::Response> Serve(const Router::Match& match, const http::Request& request, AuditDraft& draft);
  Status CheckAddress(const Route& route, const http::Request& request, const Principal& principal,
                      AuditDraft& draft);
  // Turns an error into its problem body; logs it, here and nowhere else. The record gets what the caller
  // gets.
  http::Response Settle(const Route& route, const http::Request& request, Result<http::Response> answer,
                        AuditDraft& draft);

  Router router_;
  Authenticator& authenticator_;
  IpGate& ip_gate_;
  AuditLog& audit_;
  WorkPool& workers_;
  WorkPool& hashers_;
  const Log& log_;
  FailureLog failures_{log_};
  const Limiters limiters_;
  BatchPool<Job> batches_;  // refers to all others
};

}  // namespace claviger::api
