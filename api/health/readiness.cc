#include "api/health/readiness.h"

#include <algorithm>

#include "api/rotations/root_store.h"
#include "schema/migrate.h"

namespace claviger::api {
namespace {

constexpr std::chrono::milliseconds kInterval{1000};
constexpr std::chrono::milliseconds kCheckTimeout{1000};
// A look that old says nothing any more: connecting and asking, each at its limit, take less.
constexpr std::chrono::seconds kStale{10};

schema::PgConfig WithShortTimeouts(schema::PgConfig config) {
  config.connect_timeout = std::min(config.connect_timeout, kCheckTimeout);
  config.statement_timeout = std::min(config.statement_timeout, kCheckTimeout);
  return config;
}

}  // namespace

Readiness::Readiness(schema::PgConfig database, const crypto::Keyring& keyring, const AuditLog& audit,
                     const RollbackWatch& watch, const Clock& clock, const Log& log)
    : database_config_(WithShortTimeouts(std::move(database))),
      keyring_(keyring),
      audit_(audit),
      watch_(watch),
      clock_(clock),
      log_(log) {}

void Readiness::Start() {
  thread_.Start([this] { Loop(); });
}

void Readiness::Loop() {
  while (!thread_.Stopping()) {
    CheckOnce();
    thread_.Rest(kInterval);
  }
}

Status Readiness::CheckDatabase() {
  if (!connection_ || connection_->broken()) {
    TRY(connection_, schema::Connection::Open(database_config_, log_));
  }
  TRYV(schema::CheckSchema(*connection_, schema::BuiltInMigrations()));
  TRY(newest_root_, root_store::FindNewestBegun(*connection_));
  return Ok();
}

void Readiness::CheckOnce() {
  const Status checked = CheckDatabase();
  Database now = Database::kUsable;
  if (!checked) {
    now = checked.error().kind == ErrorKind::kConflict ? Database::kOtherSchema : Database::kUnreachable;
  }
  const Database before = database_.exchange(now);
  checked_at_ = clock_.Steady();
  if (now == before) return;
  if (checked) {
    log_.Info("database usable");
  } else {
    log_.Failure("database not usable", checked.error());
  }
}

std::vector<std::string> Readiness::Reasons() const {
  std::vector<std::string> reasons;
  const Database database = database_;
  if (database == Database::kUnchecked || clock_.Steady() - checked_at_.load() > kStale) {
    reasons.emplace_back("database: not checked");
  } else if (database == Database::kUnreachable) {
    reasons.emplace_back("database: unreachable");
  } else if (database == Database::kOtherSchema) {
    reasons.emplace_back("schema: not the one of this program");
  }
  const auto hsm = keyring_.Health();
  if (hsm.state == crypto::KeyringHealth::State::kUnavailable) reasons.emplace_back("hsm: unavailable");
  // Other nodes make keys that this one could not open.
  if (hsm.newest_root != 0 && hsm.newest_root < newest_root_) {
    reasons.emplace_back("hsm: the token lacks the newest root key");
  }
  if (audit_.FailedWithin(kStale)) reasons.emplace_back("audit: records cannot be committed");
  if (!audit_.Accepting()) reasons.emplace_back("audit: queue full");
  if (watch_.SetBack()) reasons.emplace_back("audit: the database was set back");
  if (draining_) reasons.emplace_back("draining");
  return reasons;
}

}  // namespace claviger::api
