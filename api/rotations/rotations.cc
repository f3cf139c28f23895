#include "api/rotations/rotations.h"

#include "api/rotations/rotations_store.h"
#include "api/vaults/vaults.h"

namespace claviger::api {
namespace {

constexpr size_t kEncodedBytes = 800;  // of a rotation, at most

Status CheckManager(const Principal& principal) {
  if (principal.Manages()) return Ok();
  return Forbidden("Insufficient permissions");
}

Error RotationNotFound() { return NotFound("Rotation not found"); }

Error ExplainInsert(Error error) {
  if (error.sqlstate == "23505") return Conflict("A rotation of this vault is not done yet");
  if (error.sqlstate == "23503") return VaultNotFound();
  return error;
}

Result<RotationState> Paused(RotationState now) {
  if (now == RotationState::kDone) return Conflict("The rotation is done");
  if (now == RotationState::kFailed) return Conflict("The rotation has failed");
  return RotationState::kPaused;
}

Result<RotationState> Resumed(RotationState now) {
  if (now == RotationState::kDone) return Conflict("The rotation is done");
  return now == RotationState::kRunning ? now : RotationState::kPending;
}

}  // namespace

Result<Rotation> Rotations::Start(const Principal& principal, const VaultId& vault, AuditDraft& audit) {
  TRYV(CheckManager(principal));
  Rotation rotation;
  rotation.id = RotationId{NewUuidV7(clock_, random_)};
  rotation.org = principal.org;
  rotation.vault = vault;
  rotation.requested_by = principal.Subject();
  rotation.created_at = rotation.updated_at = clock_.Now();
  audit.AddDetail("rotation_id", rotation.id.ToString());

  TRY(auto lease, pool_.Acquire());
  const auto committed = lease->RunTogether({rotations_store::Insert(rotation),
                                             rotations_store::Prune(principal.org, vault, kKeptRotations),
                                             audit_.InsertCall(audit_.Finish(audit, "success"))});
  if (!committed) return ExplainInsert(committed.error());
  audit.MarkCommitted();
  return rotation;
}

Result<http::Page<Rotation>> Rotations::List(const Principal& principal,
                                             const std::optional<RotationId>& after, int64_t limit) {
  TRYV(CheckManager(principal));
  TRY(auto lease, pool_.Acquire());
  return http::CollectPage<Rotation>(
      limit,
      [&](const Rotation* last, int64_t count) {
        return rotations_store::List(*lease, principal.org, last ? last->id : after, count);
      },
      [](const Rotation&) { return kEncodedBytes; });
}

Result<Rotation> Rotations::Get(const Principal& principal, const RotationId& id) {
  TRYV(CheckManager(principal));
  TRY(auto lease, pool_.Acquire());
  TRY(auto rotation, rotations_store::Find(*lease, principal.org, id));
  if (!rotation) return RotationNotFound();
  return *std::move(rotation);
}

Result<Rotation> Rotations::Pause(const Principal& principal, const RotationId& id, AuditDraft& audit) {
  return Change(principal, id, audit, Paused);
}

Result<Rotation> Rotations::Resume(const Principal& principal, const RotationId& id, AuditDraft& audit) {
  return Change(principal, id, audit, Resumed);
}

Result<Rotation> Rotations::Change(const Principal& principal, const RotationId& id, AuditDraft& audit,
                                   Result<RotationState> (*next)(RotationState)) {
  TRYV(CheckManager(principal));
  TRY(auto lease, pool_.Acquire());
  TRY(auto transaction, lease->Begin());
  TRY(auto rotation, rotations_store::Lock(*lease, principal.org, id));
  if (!rotation) return RotationNotFound();
  TRY(const auto state, next(rotation->state));
  if (state == rotation->state) return *std::move(rotation);
  rotation->state = state;
  rotation->error.clear();
  rotation->updated_at = clock_.Now();
  TRYV(rotations_store::SetState(*lease, *rotation, state, rotation->updated_at));
  TRYV(audit_.Insert(*lease, audit_.Finish(audit, "success")));
  TRYV(transaction.Commit());
  audit.MarkCommitted();
  return *std::move(rotation);
}

}  // namespace claviger::api
