#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "api/health/health.h"
#include "api/http/problem.h"

namespace claviger::api {
namespace {

using http::Method;
using http::Response;

Result<Response> HealthCheck(const Health& health) {
  return Response::Json(200, DumpJson(EncodeHealth(health.Check())));
}

// 200 even when the HSM is gone: the question was answered.
Result<Response> HealthHsm(const Health& health) {
  return Response::Json(200, DumpJson(EncodeHsmReport(health.Hsm())));
}

// That this is answered at all says that the IO thread turns.
Result<Response> HealthLive(const Health&) { return Response::Json(200, R"({"status":"alive"})"); }

Result<Response> HealthReady(const Health& health) {
  const auto reasons = health.ReasonsNotReady();
  if (reasons.empty()) return Response::Json(200, R"({"status":"ready"})");
  return http::Problem(503, fmt::format("Not ready: {}", fmt::join(reasons, "; ")));
}

Route HealthRoute(const Health& health, std::string pattern, std::string operation_id,
                  Result<Response> (*handler)(const Health&)) {
  return {.method = Method::kGet,
          .pattern = std::move(pattern),
          .operation_id = std::move(operation_id),
          .auth = AuthKind::kNone,
          .action = {},
          .runs_on = RunsOn::kIoThread,
          .handler = [&health, handler](Context&) { return handler(health); }};
}

}  // namespace

std::vector<Route> HealthRoutes(const Health& health) {
  return {HealthRoute(health, "/v1/health", "healthCheck", HealthCheck),
          HealthRoute(health, "/v1/health/hsm", "healthHsm", HealthHsm),
          HealthRoute(health, "/v1/health/live", "healthLive", HealthLive),
          HealthRoute(health, "/v1/health/ready", "healthReady", HealthReady)};
}

}  // namespace claviger::api
