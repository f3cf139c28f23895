#include "api/openapi/openapi.h"

namespace claviger::api {
namespace {

// RFC 9512.
constexpr const char* kYaml = "application/yaml";

}  // namespace

std::vector<Route> OpenapiRoutes() {
  return {{.method = http::Method::kGet,
           .pattern = "/v1/openapi.yaml",
           .operation_id = "getOpenapi",
           .auth = AuthKind::kNone,
           .action = {},
           .runs_on = RunsOn::kIoThread,
           .handler = [](Context&) -> Result<http::Response> {
             return http::Response{200, kYaml, std::string(kOpenapiDocument), {}};
           }}};
}

}  // namespace claviger::api
