#pragma once
// Every SQL statement on `rotations` of the kind "vault", and what holds a claim on one of either kind; for
// those of customer-managed keys see also api/cmek/cmek_store.h. Times of leases are the database's own, so
// that nodes need not agree on the hour.

#include <optional>
#include <vector>

#include "api/rotations/rotations_wire.h"
#include "schema/pg/pg.h"

namespace claviger::api::rotations_store {

// A new one, for RunTogether. kConflict with SQLSTATE 23505 if the vault has one that is not done, 23503 if
// the vault is gone.
schema::Connection::Call Insert(const Rotation& rotation);
// Of the vault's rotations that are done the newest `kept` stay.
schema::Connection::Call Prune(const OrgId& org, const VaultId& vault, int64_t kept);

Result<std::optional<Rotation>> Find(schema::Connection& connection, const OrgId& org, const RotationId& id);
// In order of creation, those after `after`.
Result<std::vector<Rotation>> List(schema::Connection& connection, const OrgId& org,
                                   const std::optional<RotationId>& after, int64_t limit);
// As Find; until the transaction ends nobody else changes it.
Result<std::optional<Rotation>> Lock(schema::Connection& connection, const OrgId& org, const RotationId& id);
// Takes it from the node that works on it, if any.
Status SetState(schema::Connection& connection, const Rotation& rotation, RotationState state, Time now);

// The right to work on a rotation, until the lease ends.
struct Claim {
  Rotation rotation;
  int64_t fence = 0;
};
// One that waits, or whose lease ended, or that `node` itself held before: the one that nobody has worked on
// for longest, so that one which cannot go on does not keep the others waiting.
Result<std::optional<Claim>> TakeNext(schema::Connection& connection, const Uuid& node, Time now);

// What follows is false, and changes nothing, if the claim is not valid any more: another node took over, or
// somebody paused the rotation. Otherwise nobody else can claim it until the transaction ends, and the lease
// begins anew.
Result<bool> Begin(schema::Connection& connection, const Claim& claim, uint32_t key_version, int64_t total,
                   Time now);
Result<bool> Advance(schema::Connection& connection, const Claim& claim, int64_t resealed, Time now);
Result<bool> Finish(schema::Connection& connection, const Claim& claim, Time now);
// `error` has at most 255 characters.
Result<bool> Fail(schema::Connection& connection, const Claim& claim, std::string_view error, Time now);
// Another node may go on at once.
Status Release(schema::Connection& connection, const Claim& claim);

struct DueVault {
  OrgId org;
  VaultId vault;
};
// Vaults whose newest key was made before `before` and that no rotation waits for, those of the oldest keys
// first.
Result<std::vector<DueVault>> FindDue(schema::Connection& connection, Time before, int64_t limit);

// Vaults that have a KEK under a root older than `version` and that no rotation waits for.
Result<std::vector<DueVault>> FindUnderOlderRoot(schema::Connection& connection, uint32_t version,
                                                 int64_t limit);
// Those that wait or run.
Result<int64_t> CountUnfinished(schema::Connection& connection, std::string_view requested_by);

}  // namespace claviger::api::rotations_store
