#pragma once
// What a monitoring system reads, in the text form of Prometheus. Like health it is answered on the IO thread
// from what others saw last.

#include <functional>
#include <string>
#include <vector>

#include "api/health/health.h"
#include "api/http/client_address.h"
#include "api/metrics/metered_keyring.h"
#include "api/routes.h"

namespace claviger::api {

// A process that holds the keys.
struct KeyProcessReport {
  uint32_t seat = 0;
  bool serving = false;
  uint64_t starts = 0;   // that became ready
  uint64_t waiting = 0;  // requests under way
};

class Metrics {
 public:
  struct Sources {
    const MeteredKeyring& keyring;
    std::function<std::vector<KeyProcessReport>()> key_processes;  // must not block; may be empty
    const Health& health;
  };
  Metrics(http::AddressList readers, Sources sources)
      : readers_(std::move(readers)), sources_(std::move(sources)) {}

  bool MayRead(const http::ClientAddress& client) const { return readers_.Holds(client); }
  std::string Text() const;

 private:
  const http::AddressList readers_;
  const Sources sources_;
};

// getMetrics. `metrics` must outlive the table.
std::vector<Route> MetricsRoutes(const Metrics& metrics);

}  // namespace claviger::api
