#pragma once
// What rotations by operators have in common: the database, the log, the clock on the wall and the terminal.

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "daemon/config.h"
#include "daemon/exit_code.h"
#include "schema/pg/pg.h"

namespace claviger::daemon {

class OperatorDesk {
 public:
  explicit OperatorDesk(const Config& config) : config_(config), log_(config.log_level) {}

  // A connection of its own for each act: between two a quarter of an hour may pass.
  Outcome<std::unique_ptr<schema::Connection>> Connect();
  // Records the act, does it while nobody else acts, and tells all nodes.
  Outcome<void> Act(const std::string& action, const std::string& key, const std::function<Status()>& act);
  // Whoever has had enough may interrupt it: nothing is under way meanwhile.
  void Wait(std::chrono::seconds time, const std::string& until);
  void Tell(const std::string& line);
  // Gives the linker something to seal, waits a little, and tells whether the newest checkpoint is that
  // key's.
  Outcome<bool> Seals(const crypto::PublicKey& key);

 private:
  const Config& config_;
  const Log log_;
};

// While the installation moves to another token (daemon/rekey.h) no other keys are made or destroyed.
Outcome<void> RefuseDuringMove(const Config& config);

}  // namespace claviger::daemon
