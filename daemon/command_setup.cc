// `clavigerd init` and `clavigerd migrate`. The installation record needs both the token's keys and the
// schema, so whichever command comes second writes it.

#include <fmt/format.h>

#include <cstdio>

#include "crypto/random.h"
#include "daemon/commands.h"
#include "daemon/installation.h"
#include "hsm/pin_file.h"
#include "hsm/pkcs11_keyring.h"
#include "schema/migrate.h"

namespace claviger::daemon {
namespace {

// Migrations rewrite tables; the limits of requests do not fit them.
constexpr std::chrono::milliseconds kMigrationTimeout = std::chrono::minutes(30);
constexpr std::chrono::milliseconds kMigrationLockTimeout = std::chrono::minutes(1);

struct Tools {
  explicit Tools(const Config& config) : log(config.log_level) {}
  Log log;
  SystemClock clock;
  crypto::SystemRandom random;
};

Outcome<std::unique_ptr<schema::Connection>> OpenOwner(const Config& config, const Tools& tools) {
  if (config.owner_conninfo.empty()) {
    return Refusal{ExitCode::kConfig, Invalid("database.owner_conninfo is not set")};
  }
  schema::PgConfig owner = config.database;
  owner.conninfo = config.owner_conninfo;
  owner.statement_timeout = kMigrationTimeout;
  owner.lock_timeout = kMigrationLockTimeout;
  return Stage(ExitCode::kDatabase, schema::Connection::Open(owner, tools.log));
}

Status CheckHsmConfig(const Config& config) {
  if (config.hsm.module_path.empty()) return Invalid("hsm.module is not set");
  if (config.hsm.pin_file.empty()) return Invalid("hsm.pin_file is not set");
  return hsm::CheckPinFile(config.hsm.pin_file);
}

Outcome<void> WriteRecord(schema::Connection& owner, const Config& config, Tools& tools) {
  TRY(auto keyring,
      Stage(ExitCode::kHsm, hsm::OpenKeyring(config.hsm, tools.clock, tools.random, tools.log)));
  TRY(const bool written,
      Stage(ExitCode::kSchema, RecordInstallation(owner, *keyring, tools.clock, tools.random)));
  fmt::print("installation record: {}\n", written ? "written" : "present");
  return boost::outcome_v2::success();
}

void PrintLabels(std::string_view state, const std::vector<std::string>& labels) {
  for (const auto& label : labels) fmt::print("key {}: {}\n", label, state);
}

bool HasRecord(schema::Connection& owner) { return LoadSystemKeks(owner).has_value(); }

}  // namespace

Outcome<void> Init(const CommandLine&, const Config& config) {
  Tools tools(config);
  TRYV(Stage(ExitCode::kConfig, CheckHsmConfig(config)));
  TRY(const auto report,
      Stage(ExitCode::kHsm, hsm::InitializeToken(config.hsm, tools.clock, tools.random, tools.log)));
  PrintLabels("made", report.created);
  PrintLabels("present", report.existing);

  if (config.owner_conninfo.empty()) {
    fmt::print("installation record: left to `clavigerd migrate` (database.owner_conninfo is not set)\n");
    return boost::outcome_v2::success();
  }
  TRY(auto owner, OpenOwner(config, tools));
  if (!schema::CheckSchema(*owner, schema::BuiltInMigrations())) {
    fmt::print("installation record: left to `clavigerd migrate` (the schema is not up to date)\n");
    return boost::outcome_v2::success();
  }
  return WriteRecord(*owner, config, tools);
}

Outcome<void> Migrate(const CommandLine&, const Config& config) {
  Tools tools(config);
  TRY(auto owner, OpenOwner(config, tools));
  auto migrated = schema::Migrate(*owner, schema::BuiltInMigrations());
  if (!migrated && migrated.error().kind == ErrorKind::kUnavailable) {
    return Refusal{ExitCode::kDatabase, migrated.error()};
  }
  TRY(const auto report, Stage(ExitCode::kSchema, std::move(migrated)));
  fmt::print("schema: {}\n", report.from == report.to ? fmt::format("up to date ({})", report.to)
                                                      : fmt::format("{} -> {}", report.from, report.to));
  if (HasRecord(*owner)) {
    fmt::print("installation record: present\n");
    return boost::outcome_v2::success();
  }
  TRYV(Stage(ExitCode::kConfig, CheckHsmConfig(config)));
  const auto recorded = WriteRecord(*owner, config, tools);
  if (!recorded) {
    // The schema is done, which is what was asked for.
    fmt::print("installation record: left to `clavigerd init` ({})\n", recorded.error().error.detail);
  }
  return boost::outcome_v2::success();
}

}  // namespace claviger::daemon
