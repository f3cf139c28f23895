#pragma once
// From which addresses an organisation's people and agents may come. People see the rules, owners and admins
// change them. Nobody can shut themselves out: a change that would exclude the address it comes from is
// refused. If it happened all the same (the owner's address changed), an owner of the organisation who calls
// from the server's own machine always reaches these routes.

#include <optional>

#include "api/audit/audit_log.h"
#include "api/http/page.h"
#include "api/ip_rules/ip_gate.h"
#include "api/ip_rules/ip_rules_wire.h"
#include "api/routes.h"
#include "base/random.h"
#include "schema/pg/pg.h"

namespace claviger::api {

inline constexpr int64_t kMaxIpRules = 10'000;  // of an organisation

class IpRules {
 public:
  IpRules(schema::Pool& pool, IpGate& gate, const AuditLog& audit, const Clock& clock, Random& random)
      : pool_(pool), gate_(gate), audit_(audit), clock_(clock), random_(random) {}

  // In order of creation, beginning after the rule `after`.
  Result<http::Page<IpRule>> List(const Principal& principal, const std::optional<IpRuleId>& after,
                                  int64_t limit);

  // kForbidden unless owner or admin; kInvalid if `client`, who passes now, would not pass any more;
  // kConflict if the organisation has kMaxIpRules already.
  Result<IpRule> Create(const Principal& principal, const http::ClientAddress& client,
                        CreateIpRuleRequest request, AuditDraft& audit);

  // The same; kNotFound if absent or foreign.
  Status Delete(const Principal& principal, const http::ClientAddress& client, const IpRuleId& id,
                AuditDraft& audit);

 private:
  // Commits the change with its audit record, and makes every node see it.
  Status Commit(schema::Connection& connection, schema::Connection::Transaction& transaction,
                const OrgId& org, AuditDraft& audit);

  schema::Pool& pool_;
  IpGate& gate_;
  const AuditLog& audit_;
  const Clock& clock_;
  Random& random_;
};

// listIpRules, createIpRule, deleteIpRule. `rules` must outlive the table.
std::vector<Route> IpRuleRoutes(IpRules& rules);

}  // namespace claviger::api
