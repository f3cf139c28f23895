#pragma once
// How much an organisation may have, where an operator caps it.
//
// A cap is asked when there is to be one more, and in the transaction that makes it: whoever makes one holds
// the organisation's row until the commit, so that however many come at once there are never more than the
// cap. An organisation that has more already, because the cap was lowered, keeps and uses all of it.
//
// What the daemon keeps for agents, in their organisation's `__agent-keys`, does not count.

#include <cstdint>
#include <string>
#include <vector>

#include "api/audit/audit_draft.h"
#include "base/ids.h"
#include "schema/pg/pg.h"

namespace claviger::api {

struct TierConfig {
  std::string name = "default";  // what refusals call it
  // Of an organisation; 0: no limit.
  uint32_t vaults = 0;
  uint32_t secrets = 0;  // paths, in all vaults together, that are not deleted
  uint32_t agents = 0;   // that are active
};

class Tier {
 public:
  enum class Resource : uint8_t { kVaults, kSecrets, kAgents };

  Tier() = default;
  explicit Tier(TierConfig config) : config_(std::move(config)) {}

  bool Caps(Resource resource) const { return CapOf(resource) > 0; }

  // In a transaction that has made one more: kForbidden, telling how many there may be, if that is too many.
  Status Check(schema::Connection& connection, Resource resource, const OrgId& org, AuditDraft& audit) const;

  // As Connection::RunTogether, for calls that may make one more; then as Check.
  Status RunTogether(schema::Connection& connection, Resource resource, const OrgId& org,
                     const std::vector<schema::Connection::Call>& calls, AuditDraft& audit) const;

 private:
  uint32_t CapOf(Resource resource) const;
  Error Refuse(Resource resource, AuditDraft& audit) const;

  TierConfig config_;
};

}  // namespace claviger::api
