#pragma once
// The route table: one row an operation, collected from the nouns in api/assemble. The router, the audit log
// and the tests that compare it with docs/openapi.yaml all read this table.

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/access/principal.h"
#include "api/audit/audit_log.h"
#include "api/http/message.h"
#include "api/limits/permit.h"
#include "base/error.h"

namespace claviger::api {

enum class AuthKind : uint8_t {
  kNone,       // public
  kUser,       // a person; an agent gets 403
  kAgent,      // an agent; a person gets 403
  kPrincipal,  // a person or an agent
};

enum class RunsOn : uint8_t {
  kIoThread,  // answers from memory at once; public and not audited
  kWorkers,   // may block on PostgreSQL and the HSM
  kHashers,   // Argon2: the small pool, so that logins never starve other requests
};

// Everything a handler gets. Lives for one request.
struct Context {
  const http::Request& request;
  // Values of "{name}" in the pattern, decoded; "{path...}" holds the rest with '/' between segments.
  const std::map<std::string, std::string, std::less<>>& params;
  // Valid when the route's AuthKind is not kNone.
  const Principal& principal;
  AuditDraft& audit;
  // Of the route's admission; empty for routes without one.
  Permit permit = {};
};

using Handler = std::function<Result<http::Response>(Context&)>;
// Whether a guess may be looked at, see api/limits/guess_budgets.h.
using Admission = std::function<Result<Permit>(Context&)>;

// Answers many requests of one route at once, in their order. An empty answer means that the request needs
// the handler; nothing has been done for it.
using BatchAnswer = std::optional<Result<http::Response>>;
using BatchHandler = std::function<std::vector<BatchAnswer>(std::span<Context>)>;

// Makes the answer of a refusal.
using Refusal = std::function<http::Response(const Error&)>;

struct Route {
  http::Method method;
  std::string pattern;       // "/v1/vaults/{vault_id}/secrets/{path...}"
  std::string operation_id;  // "putSecret", as in docs/openapi.yaml
  AuthKind auth = AuthKind::kPrincipal;
  // Audit action, "secret.write"; empty: not audited (only public, harmless routes).
  std::string action = {};
  RunsOn runs_on = RunsOn::kWorkers;
  size_t max_body = 64 * 1024;
  Handler handler;
  // Runs on the workers, before the request is queued to where its handler runs, or goes on at once.
  Admission admit = {};
  // Only for routes that run on the workers and want a known principal; does what the handler does.
  BatchHandler batch = {};
  // How its refusals look; empty: problem bodies (api/http/problem.h).
  Refusal refusal = {};
  // Auditors may use it: it shows the log, or concerns nothing but their own account.
  bool for_auditors = false;
  // IP rules do not keep an owner who calls from the server's own machine from this route: the way back in.
  bool open_to_local_owner = false;
};

class Router {
 public:
  // Aborts on two rows for one method and pattern, whatever the parameters' names.
  explicit Router(std::vector<Route> routes);

  struct Match {
    const Route* route = nullptr;
    std::map<std::string, std::string, std::less<>> params;
  };
  // kNotFound for an unknown path, kMethodNotAllowed (with `allow` filled) for a known one with another verb.
  // The most exact pattern decides before the verb does: literal segments win over "{name}". A segment with
  // an inner '/' matches nothing but a trailing
  // "{path...}".
  Result<Match> Find(http::Method method, const http::Target& target, std::string* allow) const;
  const std::vector<Route>& routes() const { return routes_; }

 private:
  Match MakeMatch(size_t index, const http::Target& target) const;

  std::vector<Route> routes_;
  struct Compiled {
    std::vector<std::string> segments;
    std::string shape;  // the pattern without its parameters' names
    bool has_tail = false;
  };
  std::vector<Compiled> compiled_;
};

}  // namespace claviger::api
