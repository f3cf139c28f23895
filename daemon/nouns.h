#pragma once
// The product's nouns, built over the kernel's parts; their routes together are the route table.

#include <memory>
#include <vector>

#include "api/access/authenticator.h"
#include "api/health/health.h"
#include "api/health/readiness.h"
#include "api/routes.h"
#include "api/secrets/secrets.h"
#include "api/vaults/vaults.h"
#include "daemon/config.h"

namespace claviger::daemon {

// What nouns are made of. Everything outlives them.
struct NounParts {
  const Config& config;
  const Clock& clock;
  Random& random;
  const Log& log;
  crypto::Keyring& keyring;
  schema::Pool& pool;
  api::Authenticator& authenticator;
  api::AuditLog& audit;
};

class Nouns {
 public:
  static Result<std::unique_ptr<Nouns>> Create(const NounParts& parts);
  // The handlers refer to this object.
  std::vector<api::Route> Routes();
  // To be started with the daemon, and told when it drains.
  api::Readiness& readiness() { return readiness_; }

 private:
  explicit Nouns(const NounParts& parts);
  const Clock& clock_;
  api::Readiness readiness_;
  api::Health health_;
  api::Vaults vaults_;
  api::Secrets secrets_;
};

}  // namespace claviger::daemon
