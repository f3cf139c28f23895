#pragma once
// The life of a request, in order: route, audit draft, authentication, handler, audit commit, answer. The
// order is this one list; a route's columns say which steps it takes.

#include "api/access/authenticator.h"
#include "api/audit/audit_log.h"
#include "api/http/server.h"
#include "api/routes.h"
#include "api/work_pool.h"
#include "base/log.h"

namespace claviger::api {

class Pipeline {
 public:
  Pipeline(Router router, Authenticator& authenticator, AuditLog& audit, WorkPool& workers, WorkPool& hashers,
           const Log& log);

  // http::Handler: on an IO thread, never blocks. HEAD is served as GET on routes that run on the IO thread.
  void Handle(http::Request request, http::Responder responder);
  // http::BodyLimit.
  size_t MaxBody(http::Method method, const http::Target& target) const;
  const Router& router() const { return router_; }

 private:
  Result<Router::Match> FindRoute(http::Method method, const http::Target& target, std::string* allow) const;
  void AnswerAtOnce(const Router::Match& match, const http::Request& request,
                    const http::Responder& responder);
  // The steps of one request on its worker thread.
  void Run(const Router::Match& match, http::Request request, http::Responder responder);
  // Authentication, the route's auth kind, the handler.
  Result<http::Response> Serve(const Router::Match& match, const http::Request& request, AuditDraft& draft);
  // Turns an error into its problem body; logs it, here and nowhere else.
  http::Response Settle(const Route& route, const http::Request& request,
                        Result<http::Response> answer) const;

  Router router_;
  Authenticator& authenticator_;
  AuditLog& audit_;
  WorkPool& workers_;
  WorkPool& hashers_;
  const Log& log_;
};

}  // namespace claviger::api
