#pragma once
// The product's nouns, built over the kernel's parts; their routes together are the route table.

#include <memory>
#include <string>
#include <vector>

#include "api/access/authenticator.h"
#include "api/access/installation_keys.h"
#include "api/agents/agents.h"
#include "api/agents/enrollments.h"
#include "api/api_keys/api_keys.h"
#include "api/audit/audit.h"
#include "api/auth/auth.h"
#include "api/cmek/cmek.h"
#include "api/customer_keys/customer_keys.h"
#include "api/device/device_pages.h"
#include "api/health/health.h"
#include "api/ip_rules/ip_rules.h"
#include "api/limits/guess_budgets.h"
#include "api/mail/mail.h"
#include "api/metrics/metrics.h"
#include "api/mfa/mfa.h"
#include "api/oidc/oidc.h"
#include "api/org/org.h"
#include "api/pages/page.h"
#include "api/policies/policies.h"
#include "api/rotations/rotations.h"
#include "api/routes.h"
#include "api/secrets/secrets.h"
#include "api/shares/share_opener.h"
#include "api/shares/share_pages.h"
#include "api/shares/shares.h"
#include "api/signup/signup_pages.h"
#include "api/vaults/vaults.h"
#include "daemon/config.h"

namespace claviger::daemon {

// What nouns are made of. Everything outlives them.
struct NounParts {
  const Config& config;
  const Clock& clock;
  Random& random;
  crypto::Keyring& keyring;
  crypto::CustomerTokens& customer_tokens;
  const crypto::PasswordRules& password_rules;
  schema::Pool& pool;
  api::Authenticator& authenticator;
  api::IpGate& ip_gate;
  api::PolicyBook& policy_book;
  api::ProviderKeys& provider_keys;
  api::CmekRunner& cmek_runner;
  api::AuditLog& audit;
  api::Mail& mail;
  api::GuessBudgets& guesses;
  const api::Readiness& readiness;
  const api::InstallationKeys& installation_keys;
  api::Health::ExportLags export_lags;
  const api::MeteredKeyring& meter;
  std::function<std::vector<api::KeyProcessReport>()> key_processes;
};

class Nouns {
 public:
  // Fails if the memory for a password hash is not there.
  static Result<std::unique_ptr<Nouns>> Create(const NounParts& parts);
  // The handlers refer to this object.
  std::vector<api::Route> Routes();

 private:
  explicit Nouns(const NounParts& parts);

  const std::string public_url_;
  const Signup signup_;
  const bool signup_by_mail_;  // of everybody, or of the invited
  const Clock& clock_;
  const api::InstallationKeys& installation_keys_;
  api::Health health_;
  const api::Metrics metrics_;
  const api::TokenIssuer tokens_;
  api::Mfa mfa_;
  std::unique_ptr<api::Auth> auth_;
  api::ApiKeys api_keys_;
  api::Agents agents_;
  api::Enrollments enrollments_;
  api::Signups signups_;
  api::SignupPages signup_pages_;
  api::Org org_;
  api::Refresh refresh_;
  api::Device device_;
  api::pages::Sessions page_sessions_;
  std::unique_ptr<api::DevicePages> device_pages_;
  api::Vaults vaults_;
  api::Secrets secrets_;
  api::Cmek cmek_;
  api::CustomerKeys customer_keys_;
  api::Policies policies_;
  api::Rotations rotations_;
  api::ShareFinder share_finder_;
  api::Shares shares_;
  api::ShareOpener share_opener_;
  api::SharePages share_pages_;
  api::AuditTrail trail_;
  api::IpRules ip_rules_;
  const api::LoginFinisher finisher_;
  api::Oidc oidc_;
};

}  // namespace claviger::daemon
