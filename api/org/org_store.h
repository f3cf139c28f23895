#pragma once
// Every SQL statement on invitations, and those on users that are about members.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/access/principal.h"
#include "api/org/org_wire.h"
#include "schema/pg/pg.h"

namespace claviger::api::org_store {

// In order of their ids, those after `after`.
Result<std::vector<Member>> List(schema::Connection& connection, const OrgId& org,
                                 const std::optional<UserId>& after, int64_t limit);
// The member as it is then; nullopt if it is gone.
Result<std::optional<Member>> SetRole(schema::Connection& connection, const OrgId& org, const UserId& user,
                                      std::string_view role);

struct Invitation {
  OrgId org;
  std::string email;
  std::string role;
  UserId invited_by;
  Time created_at{};
  Time expires_at{};
};
Result<std::optional<Invitation>> Find(schema::Connection& connection, const OrgId& org,
                                       std::string_view email);
// In place of an earlier one of that address.
Status Put(schema::Connection& connection, const Invitation& invitation);
// And removes those that have expired.
Result<int64_t> CountOpen(schema::Connection& connection, const OrgId& org, Time now);
Status DeleteOfInviter(schema::Connection& connection, const OrgId& org, const UserId& inviter);

// For signups, which have an address but no organisation yet.
struct Offer {
  OrgId org;
  std::string inviter;  // their address
};
// The newest open one.
Result<std::optional<Offer>> FindOffer(schema::Connection& connection, std::string_view email, Time now);
Result<bool> IsOpen(schema::Connection& connection, const OrgId& org, std::string_view email, Time now);
// Its role; nullopt if it is not open any more. All invitations of the address go.
Result<std::optional<Role>> Accept(schema::Connection& connection, const OrgId& org, std::string_view email,
                                   Time now);

}  // namespace claviger::api::org_store
