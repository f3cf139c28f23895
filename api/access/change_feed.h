#pragma once
// Reads change_log: what this node's caches must forget. Polls every 250 ms (NOTIFY is only a hint); each
// successful poll extends the caches' trust in themselves by one second from the poll's start.

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/background.h"
#include "base/clock.h"
#include "base/ids.h"
#include "base/log.h"
#include "schema/pg/pg.h"

namespace claviger::api {

// A cache of what the database says. It may be believed only while it is fresh.
class ChangeListener {
 public:
  virtual ~ChangeListener() = default;
  // `kind` as in change_log; kinds that a cache holds nothing of are passed over.
  virtual void Forget(std::string_view kind, const Uuid& id) = 0;
  virtual void ForgetAll() = 0;
  // The feed's heartbeat: what is cached may be believed until `until` (steady clock).
  virtual void TrustUntil(SteadyTime until) = 0;
};

// For a transaction that changes what other nodes may have cached. `kind`: "user", "token", "key", "agent",
// "org" (what belongs to an organisation as a whole), or "policy" with the id of the vault. The database adds
// "kek" with the id of the vault wherever a KEK is removed.
schema::Connection::Call ChangeCall(std::string_view kind, const Uuid& id);

class ChangeFeed {
 public:
  ChangeFeed(schema::PgConfig config, std::vector<ChangeListener*> listeners, const Clock& clock,
             const Log& log);
  void Start();
  // One poll. Public for tests. The first one makes the caches forget all.
  Status PollOnce();

 private:
  struct Change {
    std::string xid;
    std::string kind;
    Uuid id{};
    friend bool operator<(const Change& a, const Change& b) {
      return std::tie(a.xid, a.kind, a.id) < std::tie(b.xid, b.kind, b.id);
    }
  };
  void Loop();
  Status Poll();
  Status StartFromNow();
  // Removes what no node can need any more.
  void Prune();

  schema::PgConfig config_;
  const std::vector<ChangeListener*> listeners_;
  const Clock& clock_;
  const Log& log_;
  std::unique_ptr<schema::Connection> connection_;
  std::string horizon_;       // xid8 text: rows at or above it are read again at the next poll
  std::set<Change> applied_;  // what the last poll saw at or above its horizon: not applied twice
  SteadyTime prune_at_{};
  Background thread_;
};

}  // namespace claviger::api
