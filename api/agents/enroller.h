#pragma once
// Makes the agents that were asked for by mail (enrollments.h). Every node that sends mail runs one.
//
// No enrollment is lost and none makes two agents: it is claimed by moving its next attempt beyond the time
// that this one takes, and it is removed in the transaction that stores the agent and posts the mail. What
// fails is tried again until it is an hour old.
//
// A stranger can have agents made for anybody whose address they know. So few of them wait for their first
// use: kMaxUnused of one person and kMaxUnusedInOrg of an organisation. Beyond that the person gets a mail
// which says so, and no agent; using or deactivating one makes room.

#include "api/agents/agent_maker.h"
#include "api/agents/enrollments_store.h"
#include "api/limits/tier.h"
#include "api/mail/mail.h"
#include "base/background.h"
#include "base/log.h"

namespace claviger::api {

class Enroller {
 public:
  static constexpr int64_t kMaxUnused = 10;
  static constexpr int64_t kMaxUnusedInOrg = kMaxAgents / 10;

  struct Parts {
    schema::Pool& pool;
    crypto::Keyring& keyring;
    Mail& mail;
    const AuditLog& audit;
    const Clock& clock;
    Random& random;
    const Log& log;
    Tier tier = Tier();
  };
  explicit Enroller(const Parts& parts)
      : parts_(parts), maker_({parts.pool, parts.keyring, parts.audit, parts.clock, parts.random}) {}
  void Start();

  // One enrollment; false if none is due. Public for tests, which do not Start().
  Result<bool> ServeOne();
  // Gives up what is too old.
  Status Purge();

 private:
  using Enrollment = enrollments_store::Enrollment;
  void Loop();
  Result<std::optional<Enrollment>> Claim();
  Status Serve(const Enrollment& enrollment);
  Status MakeAgent(const Enrollment& enrollment, const Principal& person, const AuditDraft& audit);
  Status TellNoRoom(const Enrollment& enrollment, const AuditDraft& audit);
  void Report(const Result<bool>& served);

  const Parts parts_;
  AgentMaker maker_;
  bool failing_ = false;   // the thread's own: an outage is logged once
  SteadyTime purge_at_{};  // likewise

  Background thread_;
};

}  // namespace claviger::api
