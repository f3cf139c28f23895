#include "api/health/health_wire.h"

#include <nlohmann/json.hpp>

namespace claviger::api {

Json EncodeHealth(const HealthReport& report) {
  Json json = {{"status", report.healthy ? "healthy" : "degraded"},
               {"service", kServiceName},
               {"version", report.version}};
  for (const auto& lag : report.exports) {
    json["audit_exports"].push_back({{"name", lag.name},
                                     {"sending", lag.sending},
                                     {"behind_checkpoints", lag.behind_checkpoints},
                                     {"behind_seconds", lag.behind_seconds}});
  }
  return json;
}

Json EncodeHsmReport(const HsmReport& report) {
  Json json = {{"status", report.status},
               {"hsm_provider", report.provider},
               {"connected", report.connected},
               {"token_label", report.token_label},
               {"sessions", {{"total", report.sessions_total}, {"in_use", report.sessions_in_use}}},
               {"cached_keks", report.cached_keks},
               {"generation", report.generation}};
  if (!report.last_error.empty()) json["last_error"] = report.last_error;
  if (report.last_error_at) json["last_error_at"] = FormatTime(*report.last_error_at);
  if (report.last_ok) json["last_ok"] = FormatTime(*report.last_ok);
  return json;
}

}  // namespace claviger::api
