#pragma once
// Every SQL statement on device_codes. A row belongs to the installation until somebody has decided, and then
// to their organisation: whoever comes with a code has nothing else. Transactions lock a person's row before
// their codes.

#include <optional>
#include <string>

#include "api/device/device_wire.h"
#include "api/device/poll_pace.h"
#include "base/ids.h"
#include "crypto/credential.h"
#include "schema/pg/pg.h"

namespace claviger::api::device_store {

struct NewLogin {
  crypto::LookupMac device_mac;
  crypto::LookupMac user_mac;
  DeviceCodeRequest asked;
  std::string user_agent;
  std::string address;
  Time created_at{};
  Time expires_at{};
};
struct Bounds {
  int64_t per_address = 0;
  int64_t in_all = 0;
};
// Removes some of what has expired.
Status Purge(schema::Connection& connection, Time now);
// False if so many logins wait already. A code that is taken is a unique violation.
Result<bool> Insert(schema::Connection& connection, const NewLogin& login, const Bounds& bounds);

struct Decider {
  OrgId org;
  UserId user;
};
// What a poll must know.
struct Waiting {
  Bytes device_mac;  // as it is stored
  bool offline = false;
  std::string client_id;
  PollPace pace;
  DeviceState state = DeviceState::kPending;
  Decider decider;  // valid unless pending, as all that follows
  Time decided_at{};
  std::string email;
  Time tokens_valid_from{};
};
Result<std::optional<Waiting>> FindByDevice(schema::Connection& connection,
                                            const crypto::LookupMacs& device_macs, Time now);
// False if another poll changed it since it was seen.
Result<bool> SetPace(schema::Connection& connection, const Waiting& seen, const PollPace& pace);
// The compare-and-set of redeeming: false if it is not approved any more.
Result<bool> Redeem(schema::Connection& connection, const Waiting& seen);

// What a person must know before they decide.
struct Asking {
  Bytes user_mac;  // as it is stored
  DeviceCodeRequest asked;
  std::string user_agent;
  std::string address;
  Time created_at{};
  Time expires_at{};
  DeviceState state = DeviceState::kPending;
};
Result<std::optional<Asking>> FindByUser(schema::Connection& connection, const crypto::LookupMacs& user_macs,
                                         Time now);
// False if it is not pending any more.
Result<bool> Decide(schema::Connection& connection, const Asking& seen, DeviceState decision,
                    const Decider& decider, Time decided_at);

// Locks the person's row, shared, until the transaction ends; false if they are gone, or changed their
// password since it was seen.
Result<bool> SharePerson(schema::Connection& connection, const Decider& person, Time tokens_valid_from);

}  // namespace claviger::api::device_store
