#pragma once
// The SQL statements on `rotations` of the kind "cmek". The claim of the node that works on one is held by
// those of api/rotations/rotations_store.h.

#include <optional>
#include <vector>

#include "api/cmek/cmek_wire.h"
#include "schema/pg/pg.h"

namespace claviger::api::cmek_store {

inline constexpr int64_t kFirstFence = 1;  // of the only claim that a rotation ever has

// A new one, claimed by `node` at once: nobody else has its keys. kConflict with SQLSTATE 23505 if another
// rotation of the vault, of either kind, is not done.
Status Insert(schema::Connection& connection, const CmekRotation& rotation, std::string_view requested_by,
              const Uuid& node);
// Of the vault's rotations that have ended the newest `kept` stay.
Status Prune(schema::Connection& connection, const OrgId& org, const VaultId& vault, int64_t kept);

Result<std::optional<CmekRotation>> Find(schema::Connection& connection, const OrgId& org,
                                         const VaultId& vault, const RotationId& id);

// Whether one of the vault's is under way.
Result<bool> IsRunning(schema::Connection& connection, const OrgId& org, const VaultId& vault);

// Those whose node has not been heard of until its lease ended fail with this error; returns them.
Result<std::vector<CmekRotation>> FailLost(schema::Connection& connection, std::string_view error, Time now);

}  // namespace claviger::api::cmek_store
