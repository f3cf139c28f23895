#include "api/agents/enrollments.h"

#include "api/agents/enrollments_store.h"

namespace claviger::api {

Status Enrollments::Ask(const EnrollAgentRequest& request, const http::Request& from, AuditDraft& audit) {
  if (!parts_.mail.enabled()) return Invalid("Enrollment needs mail, which this server does not send");
  TRY(const auto permit, parts_.guesses.Take(Guess::kEnroll, {from.client.Group(), request.email}, audit));
  auto kept = Keep(request, from, audit);
  if (!kept.has_value()) parts_.guesses.GiveBack(permit);
  return kept;
}

Status Enrollments::Keep(const EnrollAgentRequest& request, const http::Request& from, AuditDraft& audit) {
  const enrollments_store::Enrollment enrollment{
      from.id, request.email, request.name, request.description, from.client.text, parts_.clock.Now()};
  TRY(auto lease, parts_.pool.Acquire());
  TRY(auto transaction, lease->Begin());
  TRY(const bool put, enrollments_store::Put(*lease, enrollment, kMaxWaiting));
  if (!put) return Unavailable("too many enrollments wait");
  TRYV(parts_.audit.Insert(*lease, parts_.audit.Finish(audit, "success")));
  TRYV(transaction.Commit());
  audit.MarkCommitted();
  return Ok();
}

}  // namespace claviger::api
