#pragma once
// Agents that enroll by mail: somebody without an account asks for one in the name of a person, who gets its
// key by mail.
//
// The life of an enrollment: asking keeps a row and answers, and nobody has looked whose the address is. So
// the answer, its text and its time, is the same for every address. A thread of some node then looks
// (enroller.h). If the address is a person's, it makes an agent in their organisation and posts them a mail
// with its id and key, in one transaction with the removal of the row; if not, the row goes. Nobody else ever
// sees the key, and the agent may do nothing that its owner has not granted it.
//
// An address may be asked for once in ten minutes (Guess::kEnroll), whether or not it is anybody's.

#include <vector>

#include "api/agents/agents_wire.h"
#include "api/audit/audit_log.h"
#include "api/limits/guess_budgets.h"
#include "api/mail/mail.h"
#include "api/routes.h"
#include "schema/pg/pg.h"

namespace claviger::api {

class Enrollments {
 public:
  static constexpr int64_t kMaxWaiting = 10'000;

  struct Parts {
    schema::Pool& pool;
    const Mail& mail;
    const AuditLog& audit;
    GuessBudgets& guesses;
    const Clock& clock;
  };
  explicit Enrollments(const Parts& parts) : parts_(parts) {}

  // kInvalid where no mail is sent, kTooMany if the address was asked for lately, kUnavailable if too many
  // wait.
  Status Ask(const EnrollAgentRequest& request, const http::Request& from, AuditDraft& audit);

 private:
  Status Keep(const EnrollAgentRequest& request, const http::Request& from, AuditDraft& audit);

  const Parts parts_;
};

// enrollAgent. `enrollments` must outlive the table.
std::vector<Route> EnrollmentRoutes(Enrollments& enrollments);

}  // namespace claviger::api
