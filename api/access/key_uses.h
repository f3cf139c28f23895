#pragma once
// When keys of people and of agents were last used: noted in memory, written about a second later by a thread
// of its own, at most once a minute for each key. No request waits for it, and what a node that ends abruptly
// had not written is lost.

#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "api/access/principal.h"
#include "base/clock.h"
#include "base/log.h"
#include "schema/pg/pg.h"

namespace claviger::api {

class KeyUses {
 public:
  KeyUses(schema::Pool& pool, const Clock& clock, const Log& log) : pool_(pool), clock_(clock), log_(log) {}
  // Writes what is left.
  ~KeyUses();
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
  std::mutex mutex_;  // guards uses_ and stopping_
  std::condition_variable wake_;
  std::map<Uuid, Use> uses_;  // of the last minute, by the id of the personal key or agent
  bool stopping_ = false;
  bool failing_ = false;  // touched by the thread alone
  std::thread thread_;
};

}  // namespace claviger::api
