#include "api/audit/rollback_watch.h"

#include <fmt/format.h>

#include "api/audit/link_store.h"

namespace claviger::api {
namespace {

// After kill -9 the file is that old at most.
constexpr std::chrono::seconds kSaveInterval{5};

}  // namespace

RollbackWatch::~RollbackWatch() { Save(); }

Status RollbackWatch::Begin(schema::Connection& connection) {
  if (!directory_.empty()) {
    TRY(const auto mark, ReadMark(directory_));
    seen_ = saved_ = mark.value_or(CheckpointMark{});
  }
  return Look(connection);
}

Status RollbackWatch::Look(schema::Connection& connection) {
  Status compared = Compare(connection);
  if (!compared && compared.error().kind != ErrorKind::kIntegrity) return compared;
  const bool before = set_back_.exchange(!compared);
  if (!compared) {
    if (!before) log_.Failure("the database was set back", compared.error());
    return compared;
  }
  if (before) log_.Info("the database has caught up with what was seen of it");
  if (clock_.Steady() >= next_save_) Save();
  return Ok();
}

Status RollbackWatch::Compare(schema::Connection& connection) {
  TRY(const auto checkpoints, link_store::LoadCheckpointAndLast(connection, seen_.number));
  bool there = seen_.number == 0;
  CheckpointMark newest;
  for (const auto& checkpoint : checkpoints) {
    newest = CheckpointMark::Of(checkpoint);
    there = there || newest == seen_;
  }
  if (!there) {
    return MakeError(ErrorKind::kIntegrity,
                     fmt::format("the database was set back: checkpoint {} was seen, its newest is {}",
                                 seen_.ToString(), newest.ToString()));
  }
  seen_ = newest;
  return Ok();
}

void RollbackWatch::Save() {
  if (directory_.empty() || set_back_ || seen_ == saved_) return;
  next_save_ = clock_.Steady() + kSaveInterval;
  const Status saved = WriteMark(directory_, seen_);
  if (saved) saved_ = seen_;
  if (!saved && !save_failing_) log_.Failure("the newest checkpoint cannot be kept", saved.error());
  if (saved && save_failing_) log_.Info("the newest checkpoint is kept again");
  save_failing_ = !saved;
}

}  // namespace claviger::api
