#include "api/health/health_wire.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

using namespace claviger;
using namespace claviger::api;

TEST_CASE("health is healthy or degraded, and names service and version") {
  CHECK(EncodeHealth({true, "1.2.3", {}}) ==
        Json{{"status", "healthy"}, {"service", "claviger"}, {"version", "1.2.3"}});
  CHECK(EncodeHealth({false, "1.2.3", {}})["status"] == "degraded");
}

TEST_CASE("health tells how far the exports of the audit log are behind") {
  const Json json = EncodeHealth({true, "1.2.3", {{"syslog", true, 3, 17}, {"file", false, 0, 0}}});
  CHECK(json["audit_exports"] ==
        Json::parse(R"([{"name":"syslog","sending":true,"behind_checkpoints":3,"behind_seconds":17},
                        {"name":"file","sending":false,"behind_checkpoints":0,"behind_seconds":0}])"));
}

TEST_CASE("an HSM that never failed reports no error") {
  HsmReport report;
  report.status = "ok";
  report.last_ok = *ParseTime("2026-03-01T12:00:00Z");
  const Json json = EncodeHsmReport(report);
  CHECK_FALSE(json.contains("last_error"));
  CHECK_FALSE(json.contains("last_error_at"));
  CHECK(json["last_ok"] == "2026-03-01T12:00:00.000000Z");
}

TEST_CASE("an HSM's newest failure is told with its time") {
  HsmReport report;
  report.last_error = "CKR_DEVICE_ERROR";
  report.last_error_at = *ParseTime("2026-03-01T12:00:00Z");
  const Json json = EncodeHsmReport(report);
  CHECK(json["last_error"] == "CKR_DEVICE_ERROR");
  CHECK(json["last_error_at"] == "2026-03-01T12:00:00.000000Z");
}
