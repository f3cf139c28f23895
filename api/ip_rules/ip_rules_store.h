#pragma once
// Every SQL statement on `ip_rules`. No row of another organisation is ever touched: org_id is in each WHERE.

#include <optional>
#include <vector>

#include "api/ip_rules/ip_rules_wire.h"
#include "api/ip_rules/rule_set.h"
#include "schema/pg/pg.h"

namespace claviger::api::ip_rules_store {

// Until the transaction ends nobody else changes the rules of that organisation. False if it is gone.
Result<bool> Lock(schema::Connection& connection, const OrgId& org);

// In order of creation, those after `after`.
Result<std::vector<IpRule>> List(schema::Connection& connection, const OrgId& org,
                                 const std::optional<IpRuleId>& after, int64_t limit);

// All rules of the organisation as they bind.
Result<RuleSet> LoadRuleSet(schema::Connection& connection, const OrgId& org);
Result<int64_t> Count(schema::Connection& connection, const OrgId& org);

Status Insert(schema::Connection& connection, const IpRule& rule);
// False if there is no such rule.
Result<bool> Delete(schema::Connection& connection, const OrgId& org, const IpRuleId& id);

}  // namespace claviger::api::ip_rules_store
