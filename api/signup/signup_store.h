#pragma once
// Every SQL statement on pending_signups, which belong to no organisation yet.

#include <optional>
#include <string>
#include <string_view>

#include "crypto/credential.h"
#include "schema/pg/pg.h"

namespace claviger::api::signup_store {

struct Pending {
  std::string email;
  std::string display_name;
  std::string password_hash;
  std::optional<OrgId> invited_to;  // the organisation that the mail named
  Bytes mac;                        // of the code, as it is stored
};

Result<bool> HasRoom(schema::Connection& connection, int64_t limit);
// In place of an earlier one of the address. False, and the earlier one stays, if the address was sent
// `hour_limit` mails in this hour.
Result<bool> Put(schema::Connection& connection, const Pending& signup, const crypto::LookupMac& mac,
                 Time now, Time expires_at, int32_t hour_limit);
Result<std::optional<Pending>> Find(schema::Connection& connection, const crypto::LookupMacs& macs, Time now);
// Removes it; false if it is gone or has expired.
Result<bool> Take(schema::Connection& connection, const Pending& signup, Time now);

}  // namespace claviger::api::signup_store
