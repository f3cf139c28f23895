#pragma once
// Every SQL statement on `policies`, except that vaults_store lists the vaults in which an agent has one.
// org_id is in each WHERE.

#include <optional>
#include <vector>

#include "api/access/authorize.h"
#include "api/access/policy_set.h"
#include "api/policies/policies_wire.h"
#include "schema/pg/pg.h"

namespace claviger::api::policies_store {

// Until the transaction ends nobody else makes a policy in the vault. False if it is gone.
Result<bool> LockVault(schema::Connection& connection, const Grant& grant);
Result<int64_t> Count(schema::Connection& connection, const Grant& grant);

// For RunTogether or Run.
schema::Connection::Call Insert(const OrgId& org, const Policy& policy);
// Locked against changes until the transaction ends.
Result<std::optional<Policy>> Lock(schema::Connection& connection, const Grant& grant, const PolicyId& id);
Status Update(schema::Connection& connection, const Grant& grant, const Policy& policy);
// What it was; nullopt if there is no such policy.
Result<std::optional<Policy>> Delete(schema::Connection& connection, const Grant& grant, const PolicyId& id);
// In all vaults of the organisation. Whoever is gone uses none, so that no cache needs to hear of it.
Status DeleteOfUser(schema::Connection& connection, const OrgId& org, const UserId& user);

// In order of creation, those after `after`.
Result<std::vector<Policy>> List(schema::Connection& connection, const OrgId& org, const VaultId& vault,
                                 const std::optional<PolicyId>& after, int64_t limit);

// All policies of the vault as they bind. kIntegrity if one of them is none.
Result<PolicySet> LoadSet(schema::Connection& connection, const OrgId& org, const VaultId& vault);

// Patterns of the agent's policies that have not expired, in all vaults, each once; `limit` of them at most.
Result<std::vector<std::string>> PatternsOf(schema::Connection& connection, const OrgId& org,
                                            const AgentId& agent, Time now, int64_t limit);
// Whether the agent has a policy in the vault that has not expired.
Result<bool> HasLive(schema::Connection& connection, const OrgId& org, const VaultId& vault,
                     const Uuid& agent, Time now);

}  // namespace claviger::api::policies_store
