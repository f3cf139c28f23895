#include "daemon/nouns.h"

#include <algorithm>

#include "api/openapi/openapi.h"
#include "daemon/version.h"

namespace claviger::daemon {
namespace {

using Rows = std::vector<api::Route>;

void Add(Rows& all, Rows more) {
  for (auto& route : more) all.push_back(std::move(route));
}

api::Route& SignupIn(Rows& routes) {
  return *std::find_if(routes.begin(), routes.end(),
                       [](const api::Route& route) { return route.operation_id == "signup"; });
}

// The route stays, so that its refusal is audited like any other.
void CloseSignup(api::Route& signup) {
  signup.runs_on = api::RunsOn::kWorkers;
  signup.admit = {};
  signup.handler = [](api::Context&) -> Result<api::http::Response> {
    return Forbidden("Signup is closed on this server");
  };
}

api::OidcConfig OidcOf(const Config& config) {
  return {{config.oidc_issuer, config.oidc_client_ids}, config.oidc_signup, config.oidc_email_domains};
}

}  // namespace

Result<std::unique_ptr<Nouns>> Nouns::Create(const NounParts& parts) {
  const Config& config = parts.config;
  std::unique_ptr<Nouns> nouns(new Nouns(parts));
  TRY(nouns->auth_,
      api::Auth::Create({config.argon2, parts.password_rules},
                        {parts.pool, parts.keyring, parts.authenticator, nouns->tokens_, nouns->mfa_,
                         parts.mail, parts.audit, parts.guesses, parts.clock, parts.random}));
  nouns->device_pages_ = std::make_unique<api::DevicePages>(
      api::DevicePages::Parts{*nouns->auth_, nouns->mfa_, nouns->device_, nouns->page_sessions_,
                              parts.ip_gate, parts.clock, parts.random});
  return nouns;
}

Nouns::Nouns(const NounParts& parts)
    : public_url_(parts.config.public_url),
      signup_(parts.config.signup),
      signup_by_mail_(parts.mail.enabled() && signup_ != Signup::kDirect),
      clock_(parts.clock),
      installation_keys_(parts.installation_keys),
      health_(parts.keyring, parts.readiness, parts.export_lags, kVersion),
      metrics_(parts.config.metrics_readers, {parts.meter, parts.key_processes, health_}),
      tokens_(parts.config.issuer, parts.keyring, parts.clock, parts.random),
      mfa_({parts.pool, parts.keyring, parts.audit, tokens_, parts.guesses, parts.clock, parts.random}),
      api_keys_({parts.pool, parts.keyring, parts.authenticator, tokens_, parts.mail, parts.audit,
                 parts.clock, parts.random}),
      agents_({parts.pool, parts.keyring, parts.authenticator, tokens_, parts.audit, parts.clock,
               parts.random, api::Tier(parts.config.tier)}),
      enrollments_({parts.pool, parts.mail, parts.audit, parts.guesses, parts.clock}),
      signups_({parts.config.argon2, parts.password_rules, signup_ == Signup::kClosed},
               {parts.pool, parts.keyring, parts.mail, tokens_, parts.audit, parts.guesses, parts.clock,
                parts.random}),
      signup_pages_(signups_, public_url_, parts.random),
      org_(signup_by_mail_,
           {parts.pool, parts.authenticator, parts.mail, parts.audit, parts.guesses, parts.clock}),
      refresh_(
          {parts.pool, parts.keyring, parts.authenticator, tokens_, parts.audit, parts.clock, parts.random}),
      device_({parts.pool, parts.keyring, tokens_, refresh_, parts.audit, parts.guesses, parts.clock,
               parts.random}),
      page_sessions_(parts.pool, parts.keyring, parts.clock, parts.random),
      vaults_(parts.pool, parts.keyring, parts.audit, parts.clock, parts.random,
              api::Tier(parts.config.tier)),
      secrets_(parts.pool, parts.keyring, parts.policy_book, parts.audit, parts.clock, parts.random,
               {parts.config.check_cmek_form, api::Tier(parts.config.tier)}),
      cmek_(parts.pool, parts.cmek_runner, parts.audit, parts.clock, parts.random),
      customer_keys_(parts.pool, parts.customer_tokens, parts.audit, parts.clock, parts.random),
      policies_(parts.pool, parts.policy_book, parts.audit, parts.clock, parts.random),
      rotations_(parts.pool, parts.audit, parts.clock, parts.random),
      share_finder_(parts.pool, parts.keyring, parts.guesses),
      shares_(parts.config.argon2, {parts.pool, parts.keyring, share_finder_, secrets_, parts.mail,
                                    parts.audit, parts.guesses, parts.clock, parts.random}),
      share_opener_({parts.pool, parts.authenticator, parts.ip_gate, share_finder_, secrets_, parts.mail,
                     parts.guesses, parts.clock}),
      share_pages_(share_opener_, parts.random),
      trail_(parts.pool),
      ip_rules_(parts.pool, parts.ip_gate, parts.audit, parts.clock, parts.random),
      finisher_(parts.pool, tokens_, mfa_, parts.audit),
      oidc_(OidcOf(parts.config), {parts.pool, parts.provider_keys, tokens_, finisher_, parts.mail,
                                   parts.audit, parts.clock, parts.random}) {}

Rows Nouns::Routes() {
  Rows all;
  Add(all, api::HealthRoutes(health_));
  Add(all, api::MetricsRoutes(metrics_));
  Add(all, api::OpenapiRoutes());
  Add(all, api::AuthRoutes(*auth_, installation_keys_));
  Add(all, api::SignupRoutes(signups_));
  Add(all, api::SignupPageRoutes(signup_pages_));
  Add(all, api::MfaRoutes(mfa_));
  Add(all, api::ApiKeyRoutes(api_keys_, clock_));
  Add(all, api::OrgRoutes(org_));
  Add(all, api::AgentRoutes(agents_, clock_));
  Add(all, api::EnrollmentRoutes(enrollments_));
  Add(all, api::DeviceRoutes(device_, refresh_, public_url_, clock_));
  Add(all, api::pages::PageRoutes());
  Add(all, api::DevicePageRoutes(*device_pages_));
  Add(all, api::OidcRoutes(oidc_));
  Add(all, api::VaultRoutes(vaults_));
  Add(all, api::SecretRoutes(secrets_, clock_));
  Add(all, api::CmekRoutes(cmek_));
  Add(all, api::CustomerKeyRoutes(customer_keys_));
  Add(all, api::PolicyRoutes(policies_, clock_));
  Add(all, api::RotationRoutes(rotations_));
  Add(all, api::ShareRoutes({shares_, share_opener_, share_pages_}, clock_));
  Add(all, api::AuditRoutes(trail_, installation_keys_));
  Add(all, api::IpRuleRoutes(ip_rules_));
  if (signup_by_mail_) {
    SignupIn(all).handler = api::SignupByMail(signups_);
  } else if (signup_ == Signup::kClosed) {
    CloseSignup(SignupIn(all));
  }
  return all;
}

}  // namespace claviger::daemon
