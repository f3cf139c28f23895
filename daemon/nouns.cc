#include "daemon/nouns.h"

#include "api/openapi/openapi.h"

namespace claviger::daemon {
namespace {

void Add(std::vector<api::Route>& all, std::vector<api::Route> more) {
  for (auto& route : more) all.push_back(std::move(route));
}

}  // namespace

Nouns::Nouns(const NounParts& parts)
    : clock_(parts.clock),
      readiness_(parts.config.database, parts.keyring, parts.audit, parts.clock, parts.log),
      health_(parts.keyring, readiness_, CLAVIGER_VERSION),
      vaults_(parts.pool, parts.keyring, parts.audit, parts.clock, parts.random),
      secrets_(parts.pool, parts.keyring, parts.audit, parts.clock, parts.random) {}

Result<std::unique_ptr<Nouns>> Nouns::Create(const NounParts& parts) {
  return std::unique_ptr<Nouns>(new Nouns(parts));
}

std::vector<api::Route> Nouns::Routes() {
  std::vector<api::Route> all;
  Add(all, api::HealthRoutes(health_));
  Add(all, api::OpenapiRoutes());
  Add(all, api::VaultRoutes(vaults_));
  Add(all, api::SecretRoutes(secrets_, clock_));
  return all;
}

}  // namespace claviger::daemon
