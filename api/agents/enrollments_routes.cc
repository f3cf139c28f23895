#include <nlohmann/json.hpp>

#include "api/agents/enrollments.h"

namespace claviger::api {
namespace {

Result<http::Response> EnrollAgent(Enrollments& enrollments, Context& context) {
  TRY(const auto request, DecodeEnrollAgent(context.request.body));
  TRYV(enrollments.Ask(request, context.request, context.audit));
  return http::Response::Json(201, DumpJson(EncodeEnrollmentAsked()));
}

}  // namespace

std::vector<Route> EnrollmentRoutes(Enrollments& enrollments) {
  return {
      {.method = http::Method::kPost,
       .pattern = "/v1/agents/enroll",
       .operation_id = "enrollAgent",
       .auth = AuthKind::kNone,
       .action = "agent.enroll",
       .handler = [&enrollments](Context& context) { return EnrollAgent(enrollments, context); }},
  };
}

}  // namespace claviger::api
