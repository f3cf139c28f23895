#pragma once
// Policies: who may touch which secrets of a vault besides its creator.
//
// The life of a policy: a manager of the vault (AuthorizeManager) makes it for one person or agent, a pattern
// of paths and some permissions, perhaps with conditions and an end. It counts from its commit on, here at
// once and on other nodes within a second; so does each change of it, and its end. It goes when it is
// deleted, with its vault, or with the person it names. Principal and pattern never change. What policies
// mean is decided in api/access/ (policy_set.h, authorize.h).
//
// Every person of the organisation may see a vault's policies; of agents only its creator.

#include <optional>
#include <vector>

#include "api/access/authorize.h"
#include "api/audit/audit_log.h"
#include "api/http/page.h"
#include "api/policies/policies_wire.h"
#include "api/policies/policy_book.h"
#include "api/routes.h"
#include "base/random.h"
#include "schema/pg/pg.h"

namespace claviger::api {

inline constexpr int64_t kMaxPolicies = 10'000;  // of a vault, expired ones too

class Policies {
 public:
  Policies(schema::Pool& pool, PolicyBook& book, const AuditLog& audit, const Clock& clock, Random& random)
      : pool_(pool), book_(book), audit_(audit), clock_(clock), random_(random) {}

  // All of them: kNotFound if the organisation has no such vault, or the vault no such policy; kForbidden for
  // who does not manage it.

  // kInvalid for conditions that are not understood, kConflict if the vault has kMaxPolicies already. The
  // principal need not exist.
  Result<Policy> Create(const Principal& principal, const VaultId& vault, CreatePolicyRequest request,
                        AuditDraft& audit);
  // In order of creation, beginning after the policy `after`; expired ones too.
  Result<http::Page<Policy>> List(const Principal& principal, const VaultId& vault,
                                  const std::optional<PolicyId>& after, int64_t limit, AuditDraft& audit);
  // Applies the text of a request (ApplyUpdatePolicy).
  Result<Policy> Update(const Principal& principal, const VaultId& vault, const PolicyId& id,
                        std::string_view body, AuditDraft& audit);
  Status Delete(const Principal& principal, const VaultId& vault, const PolicyId& id, AuditDraft& audit);

 private:
  Result<Grant> AuthorizeFor(schema::Connection& connection, const Principal& principal, const VaultId& vault,
                             AuditDraft& audit) const;
  // Commits the change with its audit record, and makes every node see it.
  Status Commit(schema::Connection& connection, schema::Connection::Transaction& transaction,
                const Policy& policy, AuditDraft& audit);

  schema::Pool& pool_;
  PolicyBook& book_;
  const AuditLog& audit_;
  const Clock& clock_;
  Random& random_;
};

// What the audit record says of a policy.
void NotePolicy(AuditDraft& audit, const Policy& policy);

// createPolicy, listPolicies, updatePolicy, deletePolicy. Both must outlive the table.
std::vector<Route> PolicyRoutes(Policies& policies, const Clock& clock);

}  // namespace claviger::api
