#include "api/limits/traffic_shaper.h"

namespace claviger::api {

Status TrafficShaper::Admit(const Route& route, const http::Request& request,
                            std::optional<AuditDraft>& draft) {
  if (route.runs_on == RunsOn::kIoThread) return Ok();
  const std::string client = request.client.Group();
  if (client.empty()) return Ok();

  const SteadyTime now = clock_.Steady();
  const char* limit = "requests";
  auto wait = requests_.Take(client, now);
  if (wait.count() == 0 && route.auth == AuthKind::kNone) {
    limit = "auth_requests";
    wait = auth_requests_.Take(client, now);
  }
  if (wait.count() == 0) return Ok();
  draft.emplace(request, route.action, route.operation_id);
  refusals_.Note(limit, client, *draft);
  return TooMany("Too many requests; try again later",
                 static_cast<uint32_t>(std::chrono::ceil<std::chrono::seconds>(wait).count()));
}

}  // namespace claviger::api
