#pragma once
// The people of an organisation: members, their roles, and how others join.
//
// A person belongs to exactly one organisation. Owners manage everybody. Admins manage plain members: they
// invite and remove them, and give no role but that one; auditors, who watch them too, are for owners. The
// last owner can neither go nor become less. Every change is decided under a lock on the organisation, by the
// roles as they are then: two owners who remove each other at one moment leave one.
//
// The life of an invitation: it is a row and a mail that tells how to sign up, no secret. Whoever signs up
// with that address and proves it by the code that is then mailed (api/signup/signup.h) joins instead of
// founding an organisation, with the role offered. That second mail names the inviter; nobody joins an
// organisation that it did not name. Whoever signs in at an OpenID provider that vouches for the address
// joins likewise (api/oidc/oidc.h). An invitation is open for a week, and goes with the inviter or a change
// of the inviter's role. Where nobody can sign up by mail nothing could prove an address, so there are none.
//
// Removing somebody deletes their account, and with it their keys and second factor, on every node within a
// second. Their vaults stay with the organisation.

#include <optional>
#include <vector>

#include "api/access/authenticator.h"
#include "api/audit/audit_log.h"
#include "api/http/page.h"
#include "api/limits/guess_budgets.h"
#include "api/mail/mail.h"
#include "api/org/org_store.h"
#include "api/org/org_wire.h"
#include "api/routes.h"
#include "schema/pg/pg.h"

namespace claviger::api {

class Org {
 public:
  static constexpr int64_t kMaxInvitations = 1000;

  struct Parts {
    schema::Pool& pool;
    Authenticator& authenticator;
    Mail& mail;
    const AuditLog& audit;
    GuessBudgets& guesses;
    const Clock& clock;
  };
  // `signup_by_mail`: whether an invitation could be accepted.
  Org(bool signup_by_mail, const Parts& parts) : signup_by_mail_(signup_by_mail), parts_(parts) {}

  // In order of their ids, beginning after `after`.
  Result<http::Page<Member>> List(const Principal& principal, const std::optional<UserId>& after,
                                  int64_t limit);
  // Again for the same address: replaces the invitation, and mails at most every ten minutes. kConflict if
  // the address has an account or too many invitations are open; kInvalid where nobody signs up by mail;
  // kTooMany when the organisation's invitations are used up for now.
  Status Invite(const Principal& principal, const InviteMemberRequest& request, AuditDraft& audit);
  // kNotFound if there is no such member, kForbidden for what the caller's role does not reach, kInvalid for
  // the last owner.
  Result<Member> SetRole(const Principal& principal, const UserId& user, const std::string& role,
                         AuditDraft& audit);
  Status Remove(const Principal& principal, const UserId& user, AuditDraft& audit);

 private:
  const bool signup_by_mail_;
  const Parts parts_;
};

// listOrgMembers, inviteMember, updateMemberRole, removeMember. `org` must outlive the table.
std::vector<Route> OrgRoutes(Org& org);

}  // namespace claviger::api
