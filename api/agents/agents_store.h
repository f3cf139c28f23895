#pragma once
// Every SQL statement on `agents`, except those of api/access/. org_id is in each WHERE.

#include <optional>
#include <vector>

#include "api/agents/agents_wire.h"
#include "crypto/credential.h"
#include "schema/pg/pg.h"

namespace claviger::api::agents_store {

// For a transaction. `mac` is the CredentialMac of its key, if it has one.
schema::Connection::Call Insert(const OrgId& org, const Agent& agent,
                                const std::optional<crypto::LookupMac>& mac, Time tokens_valid_from,
                                bool enrolled);

struct Found {
  Agent agent;
  Time tokens_valid_from{};  // older tokens are dead
};
Result<std::optional<Found>> Find(schema::Connection& connection, const OrgId& org, const AgentId& id);
// The same if this is its key now.
Result<std::optional<Found>> FindByKey(schema::Connection& connection, const OrgId& org, const AgentId& id,
                                       const crypto::LookupMacs& macs);
// As Find, locked against changes until the transaction ends.
Result<std::optional<Found>> Lock(schema::Connection& connection, const OrgId& org, const AgentId& id);

// In order of creation, those after `after`.
Result<std::vector<Agent>> List(schema::Connection& connection, const OrgId& org,
                                const std::optional<AgentId>& after, int64_t limit);

// Whether there are fewer than `limit`. Until the transaction ends nobody else is told.
Result<bool> HasRoom(schema::Connection& connection, const OrgId& org, int64_t limit);

// Active agents that were enrolled and have not been used yet.
struct Unused {
  int64_t of_org = 0;
  int64_t of_person = 0;
};
Result<Unused> CountUnused(schema::Connection& connection, const OrgId& org, const UserId& person);

Status Update(schema::Connection& connection, const OrgId& org, const AgentId& id,
              const AgentSettings& settings, Time tokens_valid_from);
Status SetKey(schema::Connection& connection, const OrgId& org, const AgentId& id,
              const crypto::LookupMac& mac, Time tokens_valid_from);

// Whether the organisation has all of these vaults.
Result<bool> HasVaults(schema::Connection& connection, const OrgId& org, const std::vector<VaultId>& vaults);

}  // namespace claviger::api::agents_store
