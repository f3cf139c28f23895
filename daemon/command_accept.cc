// `clavigerd accept-database`.

#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "api/audit/audit_store.h"
#include "api/audit/checkpoint_mark.h"
#include "api/audit/link_store.h"
#include "crypto/random.h"
#include "daemon/commands.h"
#include "schema/migrate.h"

namespace claviger::daemon {
namespace {

// Of the installation itself: whoever reads its log later sees where histories part.
Status RecordAcceptance(schema::Connection& connection, const std::string& seen,
                        const std::string& accepted) {
  const SystemClock clock;
  crypto::SystemRandom random;
  const Time now = clock.Now();
  const nlohmann::json details = {{"accepted", accepted}, {"seen", seen}};
  const crypto::AuditRecord record{.id = EventId{NewUuidV7(now, random)},
                                   .org = {},
                                   .actor_type = "system",
                                   .actor_id = {},
                                   .action = "audit.accept_database",
                                   .resource_type = {},
                                   .resource_id = {},
                                   .outcome = "success",
                                   .details = details.dump(),
                                   .ip_address = {},
                                   .request_id = {},
                                   .created_at = now};
  TRYV(connection.RunTogether({api::audit_store::InsertCall(record)}));
  return Ok();
}

std::string NumberOf(const api::CheckpointMark& mark) { return mark.number == 0 ? "none" : mark.ToString(); }

}  // namespace

Outcome<void> AcceptDatabase(const CommandLine&, const Config& config) {
  if (config.state_directory.empty()) {
    return Refusal{ExitCode::kConfig, Invalid("process.state_directory is not set")};
  }
  TRY(const auto mark, Stage(ExitCode::kConfig, api::ReadMark(config.state_directory)));
  const api::CheckpointMark seen = mark.value_or(api::CheckpointMark{});

  const Log log(config.log_level);
  TRY(auto connection, Stage(ExitCode::kDatabase, schema::Connection::Open(config.database, log)));
  TRYV(Stage(ExitCode::kSchema, schema::CheckSchema(*connection, schema::BuiltInMigrations())));
  TRY(const auto last, Stage(ExitCode::kDatabase, api::link_store::LoadLastCheckpoint(*connection)));
  const auto accepted = last ? api::CheckpointMark::Of(*last) : api::CheckpointMark{};

  TRYV(Stage(ExitCode::kDatabase, RecordAcceptance(*connection, NumberOf(seen), NumberOf(accepted))));
  TRYV(Stage(ExitCode::kConfig, api::WriteMark(config.state_directory, accepted)));
  fmt::print("seen before: {}\naccepted:    {}\n", NumberOf(seen), NumberOf(accepted));
  return boost::outcome_v2::success();
}

}  // namespace claviger::daemon
