#pragma once
// How the account of a proven address begins: in the organisation that invited the address, or in one of its
// own. Whoever makes such accounts (api/signup, api/oidc) first asks org_store::FindOffer which it is.

#include "api/audit/audit_draft.h"
#include "api/auth/auth_store.h"
#include "schema/pg/pg.h"

namespace claviger::api {

// In the transaction that makes the account. `invited`: `user.org` has invited the address, and its members
// are locked; the person gets the role that was offered. Else the organisation is made, and the person is its
// owner. All invitations of the address go, for they are for addresses without an account. kConflict if the
// address has one by now; kUnavailable if the invitation was withdrawn a moment ago.
Status Admit(schema::Connection& connection, auth_store::NewUser user, bool invited, AuditDraft& audit);

}  // namespace claviger::api
