#pragma once
// When keys of people and of agents were last used: noted in memory, written about a second later by a thread
// of its own, at most once a minute for each key. No request waits for it, and what a node that ends abruptly
// had not written is lost.

#include <map>
#include <mutex>

#include "api/access/principal.h"
#include "base/background.h"
#include "base/clock.h"
#include "base/log.h"
#include "schema/pg/pg.h"

namespace claviger::api {

class KeyUses {
 public:
  KeyUses(schema::Pool& pool, const Clock& clock, const Log& log) : pool_(pool), clock_(clock), log_(log) {}
  // At its end it writes what is left.
  void Start();

  // A key was used now. Never blocks for long; a node that sees more than 65,536 keys within a minute passes
  // over the rest.
  void Note(const Principal& owner);

  // Writes what was noted. Public for tests.
  Status WriteOnce();

 private:
  struct Use {
    PrincipalType type;
    OrgId org;
    Time at{};
    bool written = false;
  };
  std::map<Uuid, Use> TakeUnwritten();
  void Loop();

  schema::Pool& pool_;
  const Clock& clock_;
  const Log& log_;
  std::mutex mutex_;          // guards uses_
  std::map<Uuid, Use> uses_;  // of the last minute, by the id of the personal key or agent
  bool failing_ = false;      // touched by the thread alone
  Background thread_;
};

}  // namespace claviger::api
