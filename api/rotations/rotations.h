#pragma once
// Rotations: jobs that give a vault a new key and move every data key of its secrets under it. Values are not
// touched, and are read and written all the while.
//
// The life of a rotation: Start commits a row that waits; within a second some node's RotationRunner takes it
// (rotation_runner.h tells what it does). Of one vault only one rotation is not done. The ten newest that are
// done stay for people to see.
//
// For owners and admins of the organisation; a vault whose secrets they may not read is no exception, for
// nothing is opened for them.

#include <optional>

#include "api/audit/audit_log.h"
#include "api/http/page.h"
#include "api/rotations/rotations_wire.h"
#include "api/routes.h"
#include "base/random.h"
#include "schema/pg/pg.h"

namespace claviger::api {

class Rotations {
 public:
  Rotations(schema::Pool& pool, const AuditLog& audit, const Clock& clock, Random& random)
      : pool_(pool), audit_(audit), clock_(clock), random_(random) {}

  // kForbidden, here and below, unless owner or admin. kNotFound if the organisation has no such vault,
  // kConflict if a rotation of it is not done yet.
  Result<Rotation> Start(const Principal& principal, const VaultId& vault, AuditDraft& audit);

  // In order of creation, beginning after the rotation `after`.
  Result<http::Page<Rotation>> List(const Principal& principal, const std::optional<RotationId>& after,
                                    int64_t limit);

  // kNotFound if absent or foreign.
  Result<Rotation> Get(const Principal& principal, const RotationId& id);

  // Nothing happens to it any more until Resume, which is also how a failed one goes on. Both as they find it
  // if there is nothing to do; kConflict if it is done, or if one to be paused has failed.
  Result<Rotation> Pause(const Principal& principal, const RotationId& id, AuditDraft& audit);
  Result<Rotation> Resume(const Principal& principal, const RotationId& id, AuditDraft& audit);

 private:
  Result<Rotation> Change(const Principal& principal, const RotationId& id, AuditDraft& audit,
                          Result<RotationState> (*next)(RotationState));

  schema::Pool& pool_;
  const AuditLog& audit_;
  const Clock& clock_;
  Random& random_;
};

inline constexpr int64_t kKeptRotations = 10;  // of each vault, besides one that is not done

// rotateVault, listRotations, getRotation, pauseRotation, resumeRotation. `rotations` must outlive the table.
std::vector<Route> RotationRoutes(Rotations& rotations);

}  // namespace claviger::api
