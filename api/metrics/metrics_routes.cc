#include "api/metrics/metrics.h"

namespace claviger::api {

std::vector<Route> MetricsRoutes(const Metrics& metrics) {
  const auto get = [&metrics](Context& context) -> Result<http::Response> {
    if (!metrics.MayRead(context.request.client)) return Forbidden("This address may not read the metrics");
    return http::Response{200, "text/plain; version=0.0.4; charset=utf-8", metrics.Text(), {}};
  };
  return {{.method = http::Method::kGet,
           .pattern = "/v1/metrics",
           .operation_id = "getMetrics",
           .auth = AuthKind::kNone,
           .action = {},
           .runs_on = RunsOn::kIoThread,
           .handler = get}};
}

}  // namespace claviger::api
