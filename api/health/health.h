#pragma once
// Health: for load balancers, service managers and people. Public, not audited, and answered on the IO thread
// from what background threads saw last: an HSM or a database that hangs cannot hold an answer back.

#include <functional>
#include <string>
#include <vector>

#include "api/health/health_wire.h"
#include "api/health/readiness.h"
#include "api/routes.h"
#include "crypto/keyring.h"

namespace claviger::api {

class Health {
 public:
  using ExportLags = std::function<std::vector<ExportLag>()>;  // must not block

  Health(const crypto::Keyring& keyring, const Readiness& readiness, ExportLags exports, std::string version)
      : keyring_(keyring),
        readiness_(readiness),
        exports_(std::move(exports)),
        version_(std::move(version)) {}

  // Healthy: ready, and the HSM answers in full.
  HealthReport Check() const;
  HsmReport Hsm() const;
  std::vector<std::string> ReasonsNotReady() const { return readiness_.Reasons(); }

 private:
  const crypto::Keyring& keyring_;
  const Readiness& readiness_;
  const ExportLags exports_;
  const std::string version_;
};

// healthCheck, healthHsm, healthLive, healthReady. `health` must outlive the table.
std::vector<Route> HealthRoutes(const Health& health);

}  // namespace claviger::api
