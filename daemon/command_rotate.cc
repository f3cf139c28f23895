// `clavigerd rotate token-key` and `clavigerd rotate audit-key`.

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <thread>

#include "api/access/installation_keys.h"
#include "api/audit/link_store.h"
#include "crypto/audit_merkle.h"
#include "daemon/commands.h"
#include "daemon/installation.h"
#include "daemon/key_rotation.h"
#include "daemon/operator_record.h"
#include "hsm/pin_file.h"
#include "schema/migrate.h"

namespace claviger::daemon {
namespace {

using std::chrono::seconds;

constexpr seconds kLinkerInterval{2};  // and some patience

class DatabaseDesk final : public RotationDesk {
 public:
  explicit DatabaseDesk(const Config& config) : config_(config), log_(config.log_level) {}

  Outcome<void> Act(const std::string& action, const std::string& key,
                    const std::function<Status()>& act) override {
    // A connection of its own for each act: between two a quarter of an hour may pass.
    TRY(auto connection, Stage(ExitCode::kDatabase, schema::Connection::Open(config_.database, log_)));
    TRYV(Stage(ExitCode::kSchema, schema::CheckSchema(*connection, schema::BuiltInMigrations())));
    TRYV(Stage(ExitCode::kDatabase, LockInstallationKeys(*connection)));
    TRYV(Stage(ExitCode::kDatabase, RecordOperatorAct(*connection, action, {{"key", key}})));
    TRYV(Stage(ExitCode::kHsm, act()));
    TRYV(Stage(ExitCode::kDatabase, connection->RunTogether({api::SigningKeysChanged()})));
    return boost::outcome_v2::success();
  }

  // Whoever has had enough may interrupt it: nothing is under way meanwhile.
  void Wait(seconds time, const std::string& until) override {
    Tell(fmt::format("waiting {} s until {}; may be interrupted and begun again", time.count(), until));
    const bool on_terminal = ::isatty(STDERR_FILENO) == 1;
    const auto end = std::chrono::steady_clock::now() + time;
    for (;;) {
      const auto left = std::chrono::ceil<seconds>(end - std::chrono::steady_clock::now());
      if (on_terminal) fmt::print(stderr, "\r{:>5} s left ", left.count());
      if (left <= seconds::zero()) break;
      std::this_thread::sleep_until(end - left + seconds(1));
    }
    if (on_terminal) fmt::print(stderr, "\r{:14}\r", "");
  }

  // A checkpoint names the next key only if it has more records than organisations, hence two at once; and a
  // further one is needed that the next key can seal. The signature tells: somebody else may have written the
  // row, to have the key destroyed whose turn it still is.
  Outcome<bool> Seals(const crypto::PublicKey& key) override {
    TRY(auto connection, Stage(ExitCode::kDatabase, schema::Connection::Open(config_.database, log_)));
    TRYV(
        Stage(ExitCode::kDatabase, RecordOperatorAct(*connection, "audit_key.await", {{"key", key.kid}}, 2)));
    std::this_thread::sleep_for(kLinkerInterval);
    TRY(const auto last, Stage(ExitCode::kDatabase, api::link_store::LoadLastCheckpoint(*connection)));
    return last && crypto::IsSignedBy({key}, *last);
  }

  void Tell(const std::string& line) override {
    fmt::print("{}\n", line);
    std::fflush(stdout);
  }

 private:
  const Config& config_;
  const Log log_;
};

using Procedure = Outcome<void> (*)(const hsm::HsmConfig&, RotationDesk&);

Outcome<void> Rotate(const Config& config, Procedure procedure) {
  TRYV(Stage(ExitCode::kConfig, hsm::CheckPinFile(config.hsm.pin_file)));
  DatabaseDesk desk(config);
  TRYV(procedure(config.hsm, desk));
  desk.Tell("done");
  return boost::outcome_v2::success();
}

}  // namespace

Outcome<void> RotateTokenKey(const CommandLine&, const Config& config) {
  return Rotate(config, RotateTokenKey);
}

Outcome<void> RotateAuditKey(const CommandLine&, const Config& config) {
  return Rotate(config, RotateAuditKey);
}

}  // namespace claviger::daemon
