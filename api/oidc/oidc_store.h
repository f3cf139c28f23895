#pragma once
// Every SQL statement on identities, and those on users that sign-in at a provider needs.

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/ids.h"
#include "schema/pg/pg.h"

namespace claviger::api::oidc_store {

// Whom the provider means.
struct Identity {
  std::string_view issuer;
  std::string_view subject;
};

struct Account {
  OrgId org;
  UserId user;
  Time tokens_valid_from{};
  bool bound = false;           // to the identity that was asked for
  bool bound_to_other = false;  // to another one of the same issuer
  bool email_verified = false;  // here
};
// The account bound to the identity, else the one that has the address, if one is given.
Result<std::optional<Account>> Find(schema::Connection& connection, const Identity& identity,
                                    std::string_view email);

// A bound identity is a unique violation.
schema::Connection::Call Bind(const Identity& identity, const OrgId& org, const UserId& user, Time now);

// Locks the account's row, shared, until the transaction ends; false if it is gone or its tokens were revoked
// since.
Result<bool> ShareIfUnchanged(schema::Connection& connection, const Account& seen);

}  // namespace claviger::api::oidc_store
