#pragma once
// What an organisation has, counted.

#include "base/ids.h"
#include "schema/pg/pg.h"

namespace claviger::api::tier_store {

// Until the transaction ends nobody else counts; references to the organisation are not held up.
Status LockOrg(schema::Connection& connection, const OrgId& org);

using Counted = Result<int64_t> (*)(schema::Connection&, const OrgId&);
Result<int64_t> CountVaults(schema::Connection& connection, const OrgId& org);
Result<int64_t> CountSecrets(schema::Connection& connection, const OrgId& org);
Result<int64_t> CountAgents(schema::Connection& connection, const OrgId& org);

}  // namespace claviger::api::tier_store
