#pragma once
// Every SQL statement on `vaults` and `vault_keks`. No row of another organisation is ever touched: org_id is
// in each WHERE.

#include <optional>
#include <vector>

#include "api/access/authorize.h"
#include "api/vaults/vaults_wire.h"
#include "crypto/keyring.h"
#include "schema/pg/pg.h"

namespace claviger::api::vaults_store {

// A new vault and its first KEK, for RunTogether. kConflict with SQLSTATE 23505 if the name is taken.
schema::Connection::Call Insert(const OrgId& org, const Vault& vault);
schema::Connection::Call InsertKek(const crypto::WrappedKek& kek, Time created_at);

Result<std::optional<Vault>> Find(schema::Connection& connection, const OrgId& org, const VaultId& id);
Result<std::optional<Vault>> FindByName(schema::Connection& connection, const OrgId& org,
                                        std::string_view name);
// False if the vault is gone. Until the transaction ends it stays.
Result<bool> Keep(schema::Connection& connection, const OrgId& org, const VaultId& id);
// The version of the vault's newest KEK; nullopt if the vault is gone.
Result<std::optional<uint32_t>> NewestKekVersion(schema::Connection& connection, const OrgId& org,
                                                 const VaultId& id);
// kIntegrity if the vault has no KEK of that version.
Result<crypto::WrappedKek> FindKek(schema::Connection& connection, const crypto::KekIdentity& identity);
// The KEK becomes the vault's newest, from which on all is written under it; false if another did meanwhile.
// It goes with the customer's key that the vault then has, if any.
Result<bool> AdvanceKek(schema::Connection& connection, const crypto::WrappedKek& kek, Time created_at);
// Removes all KEKs but the newest. kConflict, at the commit at the latest, if a version lies under one of
// them.
Status RemoveOlderKeks(schema::Connection& connection, const crypto::KekIdentity& newest);

// The key under which clients seal values from now on; nullopt: they do not. Inside a transaction that locked
// the vault.
Status SetCmek(schema::Connection& connection, const Grant& grant,
               const std::optional<crypto::Digest>& fingerprint);

// False if the vault is gone. Until the transaction ends no secret can be made in it, nor any version written
// under a customer-managed key.
Result<bool> Lock(schema::Connection& connection, const Grant& grant);

// Which vaults a list may show.
struct Visible {
  std::optional<Uuid> agent;  // if given: only what it made, and where it has a policy that has not expired
  const std::vector<VaultId>& among;  // if not empty: only these
  Time now{};
};
// In order of creation, those after `after`.
Result<std::vector<Vault>> List(schema::Connection& connection, const OrgId& org, const Visible& visible,
                                const std::optional<VaultId>& after, int64_t limit);

// Removes the vault, its KEK blobs and its secrets, inside the transaction that locked it.
Status Delete(schema::Connection& connection, const Grant& grant);

}  // namespace claviger::api::vaults_store
