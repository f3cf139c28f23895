#pragma once
// Notices a database that was set back: by the restore of an old backup, by a failover that lost commits, or
// by somebody who wants records gone. Each node remembers the newest checkpoint it has seen, in memory and,
// given a state directory, in a file there (checkpoint_mark.h). At start and every second it compares it with
// the database: a checkpoint of that number that is absent, or another one, means that the database was set
// back.
//
// Then nothing more is linked, or numbers that were given once would be signed again for another history; the
// node is not ready; the log says so. It ends when the database has caught up, or when an operator takes it
// as it is: `clavigerd accept-database`, and a restart.

#include <atomic>
#include <string>

#include "api/audit/checkpoint_mark.h"
#include "base/clock.h"
#include "base/log.h"
#include "schema/pg/pg.h"

namespace claviger::api {

class RollbackWatch {
 public:
  // Without a directory the memory ends with the process.
  RollbackWatch(std::string directory, const Clock& clock, const Log& log)
      : directory_(std::move(directory)), clock_(clock), log_(log) {}
  // Brings the file up to date.
  ~RollbackWatch();

  // Before anything is served: reads the file. Failures as ReadMark's, then as Look's.
  Status Begin(schema::Connection& connection);
  // kIntegrity, saying what was seen and what is there, if the database was set back. By one thread only.
  Status Look(schema::Connection& connection);
  // A checkpoint that this node has made, after its commit. By the same thread.
  void Made(const crypto::AuditCheckpoint& checkpoint) { seen_ = CheckpointMark::Of(checkpoint); }
  // What the last look found. Never blocks.
  bool SetBack() const { return set_back_; }

 private:
  Status Compare(schema::Connection& connection);
  void Save();

  const std::string directory_;
  const Clock& clock_;
  const Log& log_;
  CheckpointMark seen_;
  CheckpointMark saved_;
  SteadyTime next_save_{};
  bool save_failing_ = false;  // told once
  std::atomic<bool> set_back_{false};
};

}  // namespace claviger::api
