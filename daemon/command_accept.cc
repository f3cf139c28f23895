// `clavigerd accept-database`.

#include <fmt/format.h>

#include <cstdio>

#include "api/audit/checkpoint_mark.h"
#include "api/audit/link_store.h"
#include "daemon/commands.h"
#include "daemon/operator_record.h"
#include "schema/migrate.h"

namespace claviger::daemon {
namespace {

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

  // Whoever reads the log later sees where histories part.
  TRYV(Stage(ExitCode::kDatabase,
             RecordOperatorAct(*connection, "audit.accept_database",
                               {{"accepted", NumberOf(accepted)}, {"seen", NumberOf(seen)}})));
  TRYV(Stage(ExitCode::kConfig, api::WriteMark(config.state_directory, accepted)));
  fmt::print("seen before: {}\naccepted:    {}\n", NumberOf(seen), NumberOf(accepted));
  return boost::outcome_v2::success();
}

}  // namespace claviger::daemon
