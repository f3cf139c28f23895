// `clavigerd check-config` and `clavigerd routes`.

#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "crypto/random.h"
#include "daemon/commands.h"
#include "daemon/nouns.h"
#include "daemon/offline_keyring.h"

namespace claviger::daemon {
namespace {

const char* Name(api::AuthKind kind) {
  switch (kind) {
    case api::AuthKind::kNone:
      return "none";
    case api::AuthKind::kUser:
      return "user";
    case api::AuthKind::kAgent:
      return "agent";
    case api::AuthKind::kPrincipal:
      return "principal";
  }
  return "";
}

void PrintJson(const std::vector<api::Route>& routes) {
  auto rows = nlohmann::json::array();
  for (const auto& route : routes) {
    rows.push_back({{"method", api::http::Name(route.method)},
                    {"pattern", route.pattern},
                    {"operationId", route.operation_id},
                    {"auth", Name(route.auth)},
                    {"action", route.action}});
  }
  fmt::print("{}\n", rows.dump(2));
}

void PrintText(const std::vector<api::Route>& routes) {
  for (const auto& route : routes) {
    fmt::print("{:<7} {:<46} {:<20} {:<10} {}\n", api::http::Name(route.method), route.pattern,
               route.operation_id, Name(route.auth), route.action);
  }
}

}  // namespace

Outcome<void> CheckConfig(const CommandLine&, const Config& config) {
  fmt::print("{}", PrintConfig(config));
  return boost::outcome_v2::success();
}

// The table is part of the nouns, so they are built over parts that are never used: a pool connects only when
// asked, and the keyring refuses everything.
Outcome<void> Routes(const CommandLine& line, const Config& config) {
  const Log log(config.log_level);
  const SystemClock clock;
  crypto::SystemRandom random;
  OfflineKeyring keyring;
  const api::MeteredKeyring meter(keyring);
  OfflineTokens customer_tokens;
  schema::Pool pool(config.database, log);
  const crypto::PasswordRules password_rules;
  crypto::TokenVerifier verifier(config.issuer, {});
  const api::InstallationKeys installation_keys(config.hsm.key_settling, keyring, verifier, clock, log);
  api::KeyUses key_uses(pool, clock, log);
  api::Authenticator authenticator(pool, clock, verifier, keyring, key_uses);
  api::IpGate ip_gate(pool, clock);
  api::PolicyBook policy_book(pool, clock);
  api::ProviderKeys provider_keys("", {}, clock, log);
  api::AuditLog audit(pool, clock, random, log, 1);
  api::CmekRunner cmek_runner({}, {pool, keyring, audit, clock, random, log});
  api::Mail mail({}, {keyring, pool, clock, random});
  api::RefusalDigest refusals(clock);
  api::GuessBudgets guesses(config.guesses, {}, {pool, clock, log, refusals});
  const api::RollbackWatch watch({}, clock, log);
  const api::Readiness readiness(config.database, keyring, audit, watch, clock, log);
  TRY(const auto nouns,
      Stage(ExitCode::kInternal,
            Nouns::Create({config, clock,         random,  keyring,     customer_tokens,   password_rules,
                           pool,   authenticator, ip_gate, policy_book, provider_keys,     cmek_runner,
                           audit,  mail,          guesses, readiness,   installation_keys, nullptr,
                           meter,  nullptr})));
  const auto routes = nouns->Routes();
  line.output == "json" ? PrintJson(routes) : PrintText(routes);
  return boost::outcome_v2::success();
}

}  // namespace claviger::daemon
