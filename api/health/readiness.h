#pragma once
// Whether this node can serve. A thread of its own asks the database once a second over a connection of its
// own; everybody else reads what it saw last, without blocking.

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "api/audit/audit_log.h"
#include "api/audit/rollback_watch.h"
#include "base/background.h"
#include "base/clock.h"
#include "base/log.h"
#include "crypto/keyring.h"
#include "schema/pg/pg.h"

namespace claviger::api {

class Readiness {
 public:
  Readiness(schema::PgConfig database, const crypto::Keyring& keyring, const AuditLog& audit,
            const RollbackWatch& watch, const Clock& clock, const Log& log);
  void Start();
  // One look at the database. Blocks; public for tests.
  void CheckOnce();

  // From now on the node is not ready: it finishes what it has.
  void SetDraining() { draining_ = true; }

  // Why the node cannot serve, one short sentence each; empty if it is ready. Never blocks.
  std::vector<std::string> Reasons() const;

 private:
  enum class Database : uint8_t { kUnchecked, kUsable, kUnreachable, kOtherSchema };
  Status CheckDatabase();
  void Loop();

  const schema::PgConfig database_config_;
  const crypto::Keyring& keyring_;
  const AuditLog& audit_;
  const RollbackWatch& watch_;
  const Clock& clock_;
  const Log& log_;
  std::unique_ptr<schema::Connection> connection_;  // the checking thread's own
  std::atomic<uint32_t> newest_root_{0};            // under which KEKs are made; 0: not known
  std::atomic<Database> database_{Database::kUnchecked};
  std::atomic<SteadyTime> checked_at_{SteadyTime{}};
  std::atomic<bool> draining_{false};
  Background thread_;
};

}  // namespace claviger::api
