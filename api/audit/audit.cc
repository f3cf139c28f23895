#include "api/audit/audit.h"

#include "api/audit/audit_store.h"

namespace claviger::api {

Result<std::vector<AuditEvent>> AuditTrail::Events(const Principal& principal, AuditEventFilter filter) {
  if (principal.type == PrincipalType::kAgent) {
    std::string self = FormatUuid(principal.id);
    if (filter.actor_id && *filter.actor_id != self) return std::vector<AuditEvent>();
    filter.actor_id = std::move(self);
  }
  TRY(auto lease, pool_.Acquire());
  return audit_store::FindEvents(*lease, principal.org, filter);
}

Result<std::vector<crypto::AuditCheckpoint>> AuditTrail::Checkpoints(uint64_t after, int64_t limit) {
  TRY(auto lease, pool_.Acquire());
  return audit_store::LoadCheckpoints(*lease, after, limit);
}

Result<std::vector<crypto::AuditVerifier::LinkedRecord>> AuditTrail::Records(const Principal& principal,
                                                                             uint64_t after, uint64_t until,
                                                                             int64_t limit) {
  TRY(auto lease, pool_.Acquire());
  return audit_store::LoadLinked(*lease, principal.org, after, until, limit);
}

}  // namespace claviger::api
