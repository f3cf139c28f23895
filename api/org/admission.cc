#include "api/org/admission.h"

#include "api/org/org_store.h"

namespace claviger::api {

Status Admit(schema::Connection& connection, auth_store::NewUser user, bool invited, AuditDraft& audit) {
  // As everybody who changes invitations: the organisation is locked before them.
  if (invited) {
    TRYV(auth_store::LockMembers(connection, user.org));
  }
  TRY(const auto role, org_store::Accept(connection, user.org, user.email, user.created_at));
  if (invited) {
    if (!role) return Unavailable("the invitation was withdrawn meanwhile");
    user.role = *role;
    audit.AddDetail("joined_as", Name(*role));
  } else {
    TRYV(connection.Run(auth_store::InsertOrg(user.org, user.display_name, user.created_at)));
  }
  TRYV(connection.Run(auth_store::InsertUser(user)));
  return Ok();
}

}  // namespace claviger::api
