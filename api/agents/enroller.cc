#include "api/agents/enroller.h"

#include "api/agents/agents_store.h"
#include "api/auth/auth_store.h"
#include "api/failure_log.h"

namespace claviger::api {
namespace {

constexpr std::chrono::milliseconds kInterval{500};
constexpr std::chrono::seconds kAttempt{30};  // longer than one can take
constexpr std::chrono::hours kLifetime{1};
constexpr std::chrono::minutes kPurgeInterval{10};

// As the request that asked would have told it, in the log of the person's organisation.
AuditDraft DraftOf(const enrollments_store::Enrollment& enrollment, const OrgId& org) {
  http::Request request;
  request.id = enrollment.id;
  request.client = http::PeerAddress(enrollment.client);
  AuditDraft audit(request, "agent.enroll", "enrollAgent");
  audit.SetActor("anonymous", "", org);
  return audit;
}

}  // namespace

void Enroller::Start() {
  thread_.Start([this] { Loop(); });
}

Result<bool> Enroller::ServeOne() {
  TRY(const auto enrollment, Claim());
  if (!enrollment) return false;
  TRYV(Serve(*enrollment));
  return true;
}

Result<std::optional<Enroller::Enrollment>> Enroller::Claim() {
  const Time now = parts_.clock.Now();
  TRY(auto lease, parts_.pool.Acquire());
  return enrollments_store::Claim(*lease, now, now + kAttempt);
}

Status Enroller::Serve(const Enrollment& enrollment) {
  std::optional<auth_store::Credentials> person;
  {
    TRY(auto lease, parts_.pool.Acquire());
    TRY(person, auth_store::FindByEmail(*lease, enrollment.email));
    if (!person) {
      TRYV(enrollments_store::Take(*lease, enrollment.id));
      return Ok();
    }
  }
  Principal principal;
  principal.id = person->id.uuid;
  principal.org = person->org;
  return MakeAgent(enrollment, principal, DraftOf(enrollment, person->org));
}

Status Enroller::MakeAgent(const Enrollment& enrollment, const Principal& person, const AuditDraft& audit) {
  CreateAgentRequest request;
  request.settings.name = enrollment.name;
  request.settings.description = enrollment.description;
  TRY(auto made, maker_.Draw(person, std::move(request)));
  made.enrolled = true;
  AuditDraft success = audit;
  success.SetResource("agent", made.agent.id.ToString());
  TRY(const auto mail,
      parts_.mail.Prepare(enrollment.email,
                          AgentEnrolledMail(parts_.mail.url(), made.agent.id.ToString(), made.key,
                                            http::PeerAddress(enrollment.client), enrollment.created_at)));
  bool mine = true;
  const auto besides = [&](schema::Connection& connection) -> Result<bool> {
    TRY(mine, enrollments_store::Take(connection, enrollment.id));
    TRY(const auto unused, agents_store::CountUnused(connection, person.org, UserId{person.id}));
    if (!mine || unused.of_person > kMaxUnused || unused.of_org > kMaxUnusedInOrg) return false;
    AuditDraft refused = audit;
    const auto fits = parts_.tier.Check(connection, Tier::Resource::kAgents, person.org, refused);
    if (!fits && fits.error().kind == ErrorKind::kForbidden) return false;
    TRYV(fits);
    TRY(const bool posted, parts_.mail.Post(connection, mail));
    if (!posted) return Unavailable("the outbox is full");
    TRYV(parts_.audit.Insert(connection, parts_.audit.Finish(success, "success")));
    return true;
  };
  TRY(const bool stored, maker_.Store(person, made, success, besides));
  if (stored || !mine) return Ok();
  return TellNoRoom(enrollment, audit);
}

Status Enroller::TellNoRoom(const Enrollment& enrollment, const AuditDraft& audit) {
  TRY(const auto mail,
      parts_.mail.Prepare(enrollment.email,
                          NoRoomForAgentMail(parts_.mail.url(), http::PeerAddress(enrollment.client),
                                             enrollment.created_at)));
  AuditDraft refusal = audit;
  refusal.AddDetail("reason", "too many agents");
  TRY(auto lease, parts_.pool.Acquire());
  TRY(auto transaction, lease->Begin());
  TRY(const bool mine, enrollments_store::Take(*lease, enrollment.id));
  if (!mine) return Ok();
  TRY(const bool posted, parts_.mail.Post(*lease, mail));
  if (!posted) return Unavailable("the outbox is full");
  TRYV(parts_.audit.Insert(*lease, parts_.audit.Finish(refusal, "denied")));
  return transaction.Commit();
}

Status Enroller::Purge() {
  TRY(auto lease, parts_.pool.Acquire());
  TRY(const auto given_up, enrollments_store::Purge(*lease, parts_.clock.Now() - kLifetime));
  if (given_up > 0) parts_.log.Failure("enrollments are given up", {{"count", std::to_string(given_up)}});
  return Ok();
}

void Enroller::Report(const Result<bool>& served) {
  if (!served.has_value() && !failing_) {
    LogConsequence(parts_.log, "agents cannot be enrolled; they wait", served.error());
  }
  if (served.has_value() && failing_) parts_.log.Info("agents are enrolled again");
  failing_ = !served.has_value();
}

void Enroller::Loop() {
  while (!thread_.Stopping()) {
    auto served = ServeOne();
    if (served.has_value() && parts_.clock.Steady() >= purge_at_) {
      purge_at_ = parts_.clock.Steady() + kPurgeInterval;
      const auto purged = Purge();
      if (!purged.has_value()) served = purged.error();
    }
    const bool idle = served.has_value() && !served.value();
    if (!idle) Report(served);
    if (!served.has_value() || idle) thread_.Rest(kInterval);
  }
}

}  // namespace claviger::api
