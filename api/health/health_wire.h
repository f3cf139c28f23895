#pragma once
// The health reports as JSON. Shared with the command line.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/json/json.h"
#include "base/clock.h"

namespace claviger::api {

inline constexpr std::string_view kServiceName = "claviger";

// How far a live export of the audit log is behind.
struct ExportLag {
  std::string name;      // "syslog" or "file"
  bool sending = false;  // this node does
  uint64_t behind_checkpoints = 0;
  int64_t behind_seconds = 0;  // the age of the oldest checkpoint that has not arrived
};

struct HealthReport {
  bool healthy = false;  // "healthy" or "degraded"
  std::string version;
  std::vector<ExportLag> exports;
};
Json EncodeHealth(const HealthReport& report);

// What the background probe of the HSM saw last.
struct HsmReport {
  std::string status;  // "ok", "degraded" or "unavailable"
  std::string provider;
  bool connected = false;
  std::string token_label;
  uint32_t sessions_total = 0;
  uint32_t sessions_in_use = 0;
  uint32_t cached_keks = 0;
  uint64_t generation = 0;  // counts connections to the token
  std::string last_error;   // empty: none since the start
  std::optional<Time> last_error_at;
  std::optional<Time> last_ok;
};
Json EncodeHsmReport(const HsmReport& report);

}  // namespace claviger::api
