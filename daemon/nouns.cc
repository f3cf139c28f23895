#include "daemon/nouns.h"

#include "api/openapi/openapi.h"
#include "crypto/jws.h"
#include "daemon/version.h"

namespace claviger::daemon {
namespace {

using Rows = std::vector<api::Route>;

void Add(Rows& all, Rows more) {
  for (auto& route : more) all.push_back(std::move(route));
}

// The route stays, so that its refusal is audited like any other.
void CloseSignup(Rows& routes) {
  for (auto& route : routes) {
    if (route.operation_id != "signup") continue;
    route.handler = [](api::Context&) -> Result<api::http::Response> {
      return Forbidden("Signup is closed on this server");
    };
  }
}

}  // namespace

Result<PublishedKeys> ReadPublishedKeys(crypto::Keyring& keyring) {
  TRY(const auto token_keys, keyring.PublicKeys(crypto::SigningKey::kToken));
  TRY(auto token, api::MakeTokenKeyDocuments(token_keys));
  TRY(const auto audit_keys, keyring.PublicKeys(crypto::SigningKey::kAudit));
  return PublishedKeys{std::move(token), crypto::JwksJson(audit_keys)};
}

Result<std::unique_ptr<Nouns>> Nouns::Create(const NounParts& parts) {
  const Config& config = parts.config;
  TRY(auto auth, api::Auth::Create({config.issuer, config.argon2, config.password_strict},
                                   {parts.pool, parts.keyring, parts.authenticator, parts.audit, parts.clock,
                                    parts.random}));
  return std::unique_ptr<Nouns>(new Nouns(parts, std::move(auth)));
}

Nouns::Nouns(const NounParts& parts, std::unique_ptr<api::Auth> auth)
    : signup_(parts.config.signup),
      clock_(parts.clock),
      health_(parts.keyring, parts.readiness, kVersion),
      auth_(std::move(auth)),
      vaults_(parts.pool, parts.keyring, parts.audit, parts.clock, parts.random),
      secrets_(parts.pool, parts.keyring, parts.audit, parts.clock, parts.random),
      trail_(parts.pool) {}

Rows Nouns::Routes(const PublishedKeys& keys) {
  Rows all;
  Add(all, api::HealthRoutes(health_));
  Add(all, api::OpenapiRoutes());
  Add(all, api::AuthRoutes(*auth_, keys.token));
  Add(all, api::VaultRoutes(vaults_));
  Add(all, api::SecretRoutes(secrets_, clock_));
  Add(all, api::AuditRoutes(trail_, keys.audit));
  if (signup_ == Signup::kClosed) CloseSignup(all);
  return all;
}

}  // namespace claviger::daemon
