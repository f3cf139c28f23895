#include "daemon/assemble.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "api/access/change_feed.h"
#include "api/agents/enroller.h"
#include "api/audit/linker.h"
#include "api/cmek/cmek_runner.h"
#include "api/mail/mail.h"
#include "api/mail/mail_sender.h"
#include "api/oidc/https_get.h"
#include "api/pipeline.h"
#include "api/rotations/root_runner.h"
#include "api/rotations/rotation_runner.h"
#include "api/vaults/removed_keks.h"
#include "crypto/common_passwords.h"
#include "crypto/provider/keyring_keys.h"
#include "crypto/provider/library.h"
#include "crypto/provider/signing_keyring.h"
#include "crypto/random.h"
#include "daemon/config_values.h"
#include "daemon/exports.h"
#include "daemon/hsm_access.h"
#include "daemon/installation.h"
#include "daemon/nouns.h"
#include "daemon/private_file.h"
#include "daemon/protection.h"
#include "daemon/sandbox/name_services.h"
#include "daemon/sandbox/sandbox.h"
#include "daemon/startup.h"
#include "daemon/supervise.h"
#include "hsm/key_uri.h"
#include "schema/migrate.h"

namespace claviger::daemon {
namespace {

// For the HSM and the database, besides the delivery itself.
constexpr std::chrono::milliseconds kMailMargin{5000};

Result<std::vector<crypto::WrappedKek>> CheckDatabase(schema::Pool& pool) {
  TRY(auto lease, pool.Acquire());
  TRYV(schema::CheckSchema(*lease, schema::BuiltInMigrations()));
  TRYV(schema::CheckRuntimeRole(*lease));
  return LoadSystemKeks(*lease);
}

Outcome<void> BeginWatch(api::RollbackWatch& watch, schema::Pool& pool) {
  TRY(auto lease, Stage(ExitCode::kDatabase, pool.Acquire()));
  const Status begun = watch.Begin(*lease);
  if (begun) return boost::outcome_v2::success();
  switch (begun.error().kind) {
    case ErrorKind::kIntegrity:
      return Refusal{ExitCode::kSetBack, begun.error()};
    case ErrorKind::kInvalid:
      return Refusal{ExitCode::kConfig, begun.error()};
    default:
      return Refusal{ExitCode::kDatabase, begun.error()};
  }
}

Outcome<std::vector<crypto::WrappedKek>> AwaitDatabase(Startup& startup, schema::Pool& pool) {
  auto keks = startup.Await(ExitCode::kDatabase, "database", [&] { return CheckDatabase(pool); });
  if (keks) return keks;
  // Reached, but not as it should be.
  Refusal refusal = keks.error();
  const ErrorKind kind = refusal.error.kind;
  if (kind == ErrorKind::kConflict || kind == ErrorKind::kNotFound || kind == ErrorKind::kForbidden) {
    refusal.code = ExitCode::kSchema;
  }
  return refusal;
}

// Null where no mail is sent.
Result<std::unique_ptr<api::Smtp>> OpenSmtp(const Config& config) {
  if (config.smtp.server.empty()) return nullptr;
  SecretBytes password;
  if (!config.mail_password_file.empty()) {
    TRY(std::string text, ReadPrivateFile(config.mail_password_file, "the mail server's password file"));
    password = SecretBytes(std::string_view(text).substr(0, text.find_first_of("\r\n")));
    Wipe(text.data(), text.size());
  }
  return api::Smtp::Create(config.smtp, std::move(password));
}

Result<std::string> ReadBlocklist(const Config& config) {
  if (config.password_blocklist_file.empty()) return std::string();
  return ReadTrustedFile(config.password_blocklist_file, "the password blocklist",
                         crypto::PasswordBlocklist::kMaxBytes);
}

void Announce(const Config& config, const api::http::Server& server, const Log& log) {
  if (config.dev) {
    log.Warn("DEVELOPER MODE: not for production", {{"signup", ShowValue(config.signup)}});
  }
  if (config.state_directory.empty()) {
    log.Warn("a database that is set back goes unnoticed at a start: process.state_directory is not set");
  }
  log.Info("serving", {{"addresses", fmt::format("{}", fmt::join(server.Addresses(), " "))}});
}

}  // namespace

Outcome<void> Serve(const CommandLine& line, const Config& config, Signals& signals) {
  TRY(const auto starters, Stage(ExitCode::kConfig, MakeStarters(line, config)));  // before anything else
  const Log log(config.log_level);
  const SystemClock clock;
  const ServiceManager manager;
  Startup startup(signals, clock, log, config.startup_wait);
  TRYV(Stage(ExitCode::kProtection, LockMemory(config.memory_lock, log)));
  const auto plan = PlanOfApi(config, starters.processes());
  for (const std::string& pin_file : {config.hsm.pin_file, config.next.pin_file}) {
    const std::string reach = ReachOf(plan, pin_file);
    if (!reach.empty()) {
      log.Warn("the process that serves HTTP reaches a PIN", {{"file", pin_file}, {"by", reach}});
    }
  }
  const Sandbox sandbox(config.sandbox, plan, log);
  TRYV(Stage(ExitCode::kProtection, sandbox.Enter()));
  TRY(auto refused_passwords, Stage(ExitCode::kConfig, ReadBlocklist(config)));
  const crypto::PasswordBlocklist blocklist(std::move(refused_passwords));
  const crypto::PasswordRules password_rules{config.password_strict, &blocklist};

  crypto::SystemRandom random;  // before the PKCS#11 module is loaded
  HsmAccess hsm(config, starters, {clock, random, log});
  TRYV(startup.Await(ExitCode::kHsm, "HSM", [&] { return hsm.Open(); }));
  api::MeteredKeyring keyring(hsm.keyring());
  crypto::provider::KeyringKeys named_keys(keyring, hsm::ParseKeyUri);
  TRY(const auto openssl, Stage(ExitCode::kInternal, crypto::provider::Library::Create(named_keys)));
  crypto::provider::SigningKeyring signing_keyring(keyring, *openssl);
  crypto::TokenVerifier verifier(config.issuer, {});
  api::InstallationKeys installation_keys(config.hsm.key_settling, keyring, verifier, clock, log);
  TRYV(Stage(ExitCode::kHsm, installation_keys.Refresh()));

  schema::Pool pool(config.database, log);
  TRY(const auto system_keks, AwaitDatabase(startup, pool));
  TRYV(Stage(ExitCode::kHsm, ProveKinship(keyring, system_keks)));
  api::RollbackWatch watch(config.state_directory, clock, log);
  TRYV(BeginWatch(watch, pool));

  api::KeyUses key_uses(pool, clock, log);
  api::Authenticator authenticator(pool, clock, verifier, keyring, key_uses);
  api::IpGate ip_gate(pool, clock);
  api::PolicyBook policy_book(pool, clock);
  api::RemovedKeks removed_keks(keyring);
  api::ChangeFeed feed(config.database,
                       {&authenticator, &ip_gate, &policy_book, &installation_keys, &removed_keks}, clock,
                       log);
  api::ProviderKeys provider_keys(
      config.oidc_issuer,
      [&](const std::string& url) { return api::HttpsGet(url, {.ca_file = config.oidc_ca_file}); }, clock,
      log);
  api::AuditLog audit(pool, clock, random, log, config.audit_queue);
  api::AuditLinker linker({pool, keyring, watch, clock, log});
  api::RotationRunner rotations(config.rotation, {pool, keyring, audit, clock, random, log});
  api::RootRunner root_runner({config.rotation.pace, config.hsm.key_settling},
                              {pool, keyring, audit, clock, random, log});
  api::CmekRunner cmek_runner({config.cmek_rotations, config.rotation.pace},
                              {pool, keyring, audit, clock, random, log});
  api::Mail mail({config.smtp.from, config.public_url}, {keyring, pool, clock, random});
  TRY(const auto smtp, Stage(ExitCode::kConfig, OpenSmtp(config)));
  std::unique_ptr<api::MailSender> mail_sender;
  std::unique_ptr<api::Enroller> enroller;
  if (smtp) {
    mail_sender = std::make_unique<api::MailSender>(
        api::MailSenderConfig{2 * config.smtp.timeout + kMailMargin, config.mail_retry},
        api::MailSender::Parts{pool, keyring, *smtp, clock, random, log});
    enroller = std::make_unique<api::Enroller>(
        api::Enroller::Parts{pool, keyring, mail, audit, clock, random, log, api::Tier(config.tier)});
  }
  TRY(const auto exports, Stage(ExitCode::kConfig, Exports::Create(config, {pool, clock, random, log})));
  api::RefusalDigest refusals(clock);
  api::TrafficShaper shaper(config.traffic, clock, random, refusals);
  TRY(auto guess_key, Stage(ExitCode::kHsm, api::GuessKey(keyring)));
  api::GuessBudgets guesses(config.guesses, std::move(guess_key), {pool, clock, log, refusals});
  api::Readiness readiness(config.database, keyring, audit, watch, clock, log);
  TRY(const auto nouns, Stage(ExitCode::kInternal, Nouns::Create({config,
                                                                  clock,
                                                                  random,
                                                                  signing_keyring,
                                                                  hsm.customer_tokens(),
                                                                  password_rules,
                                                                  pool,
                                                                  authenticator,
                                                                  ip_gate,
                                                                  policy_book,
                                                                  provider_keys,
                                                                  cmek_runner,
                                                                  audit,
                                                                  mail,
                                                                  guesses,
                                                                  readiness,
                                                                  installation_keys,
                                                                  [&exports] { return exports->Lags(); },
                                                                  keyring,
                                                                  [&hsm] { return hsm.KeyProcesses(); }})));
  api::WorkPool workers(config.workers, config.worker_queue);
  api::WorkPool hashers(config.hashers, config.hasher_queue, /*background=*/true);
  api::Pipeline pipeline(api::Router(nouns->Routes()), authenticator, ip_gate, audit, workers, hashers, log,
                         {.threads = config.batchers, .queue = config.worker_queue}, {&shaper, &guesses});
  api::http::ServerConfig http = config.http;
  http.tls.named_keys = openssl.get();
  TRY(const auto server,
      Stage(ExitCode::kListen, api::http::Server::Create(
                                   std::move(http),
                                   [&](api::http::Request request, api::http::Responder responder) {
                                     pipeline.Handle(std::move(request), std::move(responder));
                                   },
                                   [&](api::http::Method method, const api::http::Target& target) {
                                     return pipeline.MaxBody(method, target);
                                   },
                                   log, random)));

  LoadNameServices();
  TRYV(Stage(ExitCode::kProtection, sandbox.Shut()));
  installation_keys.Start();
  feed.Start();
  key_uses.Start();
  linker.Start();
  exports->Start();
  rotations.Start();
  root_runner.Start();
  cmek_runner.Start();
  if (mail_sender) mail_sender->Start();
  if (enroller) enroller->Start();
  readiness.Start();
  if (!config.oidc_issuer.empty()) provider_keys.Start();
  server->Start();
  Announce(config, *server, log);
  manager.Ready();
  const Status supervised = Supervise(*server, *exports, starters, signals, manager, log);

  manager.Stopping();
  readiness.SetDraining();
  if (supervised) {
    log.Info("stopping");
  } else {
    log.Failure("stopping, to be started again", supervised.error());
  }
  const bool delivered = server->Drain(config.drain_timeout);
  if (!delivered) log.Warn("answers in flight were cut off by the drain deadline");
  // Nobody waits for what has not begun by now: its clients get 500, and it never happens.
  pipeline.Discard();
  workers.Discard();
  hashers.Discard();
  pipeline.Stop();
  workers.Stop();  // jobs refer to the pipeline and the nouns
  hashers.Stop();
  server->Stop();
  log.Info("stopped");
  return Stage(ExitCode::kInternal, supervised);
}

}  // namespace claviger::daemon
