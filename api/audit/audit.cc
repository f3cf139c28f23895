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

Result<std::vector<crypto::AuditCheckpoint>> AuditTrail::Period(const Principal& principal, Time from,
                                                                Time to) {
  TRY(auto lease, pool_.Acquire());
  TRY(const auto bounds, audit_store::FindBounds(*lease, principal.org, from, to));
  if (!bounds.last) return Conflict("The log is not sealed beyond the period's end yet");
  std::vector<crypto::AuditCheckpoint> found;
  for (const auto& number : {bounds.first, bounds.last}) {
    if (!number) continue;
    TRY(auto checkpoints, audit_store::LoadCheckpoints(*lease, *number - 1, 1));
    found.insert(found.end(), checkpoints.begin(), checkpoints.end());
  }
  return found;
}

Result<std::vector<crypto::AuditVerifier::LinkedRecord>> AuditTrail::Records(const Principal& principal,
                                                                             uint64_t after, uint64_t until,
                                                                             int64_t limit) {
  TRY(auto lease, pool_.Acquire());
  return audit_store::LoadLinked(*lease, principal.org, after, until, limit);
}

}  // namespace claviger::api
