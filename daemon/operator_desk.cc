#include "daemon/operator_desk.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <thread>

#include "api/access/installation_keys.h"
#include "api/audit/link_store.h"
#include "crypto/audit_merkle.h"
#include "daemon/installation.h"
#include "daemon/operator_record.h"
#include "schema/migrate.h"

namespace claviger::daemon {

using std::chrono::seconds;

namespace {

constexpr seconds kLinkerInterval{2};  // and some patience

}  // namespace

Outcome<std::unique_ptr<schema::Connection>> OperatorDesk::Connect() {
  TRY(auto connection, Stage(ExitCode::kDatabase, schema::Connection::Open(config_.database, log_)));
  TRYV(Stage(ExitCode::kSchema, schema::CheckSchema(*connection, schema::BuiltInMigrations())));
  return connection;
}

Outcome<void> OperatorDesk::Act(const std::string& action, const std::string& key,
                                const std::function<Status()>& act) {
  TRY(auto connection, Connect());
  TRYV(Stage(ExitCode::kDatabase, LockInstallationKeys(*connection)));
  TRYV(Stage(ExitCode::kDatabase, RecordOperatorAct(*connection, action, {{"key", key}})));
  TRYV(Stage(ExitCode::kHsm, act()));
  TRYV(Stage(ExitCode::kDatabase, connection->RunTogether({api::InstallationKeysChanged()})));
  return boost::outcome_v2::success();
}

void OperatorDesk::Wait(seconds time, const std::string& until) {
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

void OperatorDesk::Tell(const std::string& line) {
  fmt::print("{}\n", line);
  std::fflush(stdout);
}

// A checkpoint names the next key only if it has more records than organisations, hence two at once; and a
// further one is needed that the next key can seal. The signature tells: somebody else may have written the
// row, to have the key destroyed whose turn it still is.
Outcome<bool> OperatorDesk::Seals(const crypto::PublicKey& key) {
  TRY(auto connection, Connect());
  TRYV(Stage(ExitCode::kDatabase, RecordOperatorAct(*connection, "audit_key.await", {{"key", key.kid}}, 2)));
  std::this_thread::sleep_for(kLinkerInterval);
  TRY(const auto last, Stage(ExitCode::kDatabase, api::link_store::LoadLastCheckpoint(*connection)));
  return last && crypto::IsSignedBy({key}, *last);
}

Outcome<void> RefuseDuringMove(const Config& config) {
  if (!config.Moves()) return boost::outcome_v2::success();
  return Refusal{ExitCode::kConfig,
                 Conflict("the installation moves to another token (hsm.next_ keys): end that first")};
}

}  // namespace claviger::daemon
