#pragma once
// Every SQL statement on `root_rotations`, and what tells how far one is. Times of leases are the database's
// own.

#include <optional>
#include <string>
#include <vector>

#include "api/rotations/rotations_wire.h"
#include "crypto/keyring.h"
#include "schema/pg/pg.h"

namespace claviger::api::root_store {

// A rotation of the root key: every vault, and the installation itself, gets a KEK under root `version`.
struct RootRotation {
  Uuid id{};
  uint32_t version = 0;
  RotationState state = RotationState::kPending;
  int64_t vaults = 0;    // with a KEK under an older root when it began
  int64_t records = 0;   // of the installation's, sealed under the system KEK, then
  int64_t resealed = 0;  // of these and of later ones, those that were sealed anew
  std::string error;     // what stopped it and what to do, if it failed
  Time created_at{};
  std::optional<Time> finished_at;
};

// For RunTogether. From its commit on nobody writes a KEK under an older root. kConflict if one is not done,
// or there is one of that version.
schema::Connection::Call Begin(uint32_t version, const Uuid& id, Time now);
Result<std::optional<RootRotation>> FindLast(schema::Connection& connection);
// The root under which nodes may have to make keys: of the last rotation that has begun; 0: there was none.
Result<uint32_t> FindNewestBegun(schema::Connection& connection);
// Whether that root is on the token, as its keyring told last. A node without it must not work on rotations:
// it would keep them from nodes that have it, and take KEKs under it for edited rows.
Result<bool> CanWork(schema::Connection& connection, const crypto::Keyring& keyring);
// Nothing happens to it any more until Resume, which is also how a failed one goes on, and with it the
// rotations of vaults that it started and that failed. Both are false if there is nothing to do.
Result<bool> Pause(schema::Connection& connection, Time now);
Result<bool> Resume(schema::Connection& connection, Time now);

// The right to work on it, until the lease ends.
struct Claim {
  RootRotation rotation;
  int64_t fence = 0;
};
// The one that waits, or whose lease ended, or that `node` itself held before.
Result<std::optional<Claim>> Take(schema::Connection& connection, const Uuid& node, Time now);
// What follows is false, and changes nothing, if the claim is not valid any more: another node took over, or
// somebody paused it. Otherwise nobody else can claim it until the transaction ends, and the lease begins
// anew.
Result<bool> Advance(schema::Connection& connection, const Claim& claim, int64_t resealed, Time now);
Result<bool> Finish(schema::Connection& connection, const Claim& claim, Time now);
// `error` has at most 255 characters.
Result<bool> Fail(schema::Connection& connection, const Claim& claim, std::string_view error, Time now);
// Another node may go on at once.
Status Release(schema::Connection& connection, const Claim& claim);

// Of all KEKs that are stored; nullopt if there are none.
struct RootsInUse {
  uint32_t oldest = 0;
  uint32_t newest = 0;
};
Result<std::optional<RootsInUse>> FindInUse(schema::Connection& connection);

// All KEKs, of vaults and of the installation, in some order; those after `after`. Without customers' keys.
Result<std::vector<crypto::WrappedKek>> ListKeks(schema::Connection& connection,
                                                 const std::optional<crypto::KekIdentity>& after,
                                                 int64_t limit);

// Vaults that have a KEK under a root older than `version`, and how many of them have a rotation that
// somebody paused or that failed.
struct Left {
  int64_t vaults = 0;
  int64_t held = 0;
};
Result<Left> CountLeft(schema::Connection& connection, uint32_t version);
struct LeftVault {
  OrgId org;
  VaultId vault;
  std::optional<RotationState> rotation;  // of one that is not done
  std::string error;                      // what stopped that
  std::string token;                      // of the customer's, if the vault is bound to one
};
// Those first that somebody holds up.
Result<std::vector<LeftVault>> FindLeft(schema::Connection& connection, uint32_t version, int64_t limit);

}  // namespace claviger::api::root_store
