#include "api/signup/signup_store.h"

#include "api/access/lookups_store.h"

namespace claviger::api::signup_store {
namespace {

using schema::Statement;

constexpr Statement kHasRoom = {
    "signup_has_room", "SELECT count(*) < $1 FROM (SELECT FROM pending_signups LIMIT $1) pending", true};

// $7 is an hour ago: what began before it is over, and a new hour begins.
constexpr Statement kPut = {
    "signup_put",
    "INSERT INTO pending_signups (email, display_name, password_hash, mac, expires_at, hour_began, "
    "invited_to, lookup_version)"
    " VALUES ($1, $2, $3, $4, $5, $6, $9, $10)"
    " ON CONFLICT (email) DO UPDATE SET display_name = $2, password_hash = $3, mac = $4, expires_at = $5,"
    "   invited_to = $9, lookup_version = $10,"
    "   hour_mails = CASE WHEN pending_signups.hour_began <= $7 THEN 1"
    "                     ELSE pending_signups.hour_mails + 1 END,"
    "   hour_began = CASE WHEN pending_signups.hour_began <= $7 THEN $6"
    "                     ELSE pending_signups.hour_began END"
    " WHERE pending_signups.hour_began <= $7 OR pending_signups.hour_mails < $8"};

constexpr Statement kFind = {"signup_find",
                             "SELECT email, display_name, password_hash, invited_to, mac FROM pending_signups"
                             " WHERE mac = $1 AND expires_at > $2",
                             true};

constexpr Statement kTake = {"signup_take", "DELETE FROM pending_signups WHERE mac = $1 AND expires_at > $2"};

}  // namespace

Result<bool> HasRoom(schema::Connection& connection, int64_t limit) {
  TRY(const auto rows, connection.Run(kHasRoom, {limit}));
  return rows.Bool(0, 0);
}

Result<bool> Put(schema::Connection& connection, const Pending& signup, const crypto::LookupMac& mac,
                 Time now, Time expires_at, int32_t hour_limit) {
  std::optional<Uuid> invited_to;
  if (signup.invited_to) invited_to = signup.invited_to->uuid;
  TRY(const auto rows,
      connection.Run(kPut, {signup.email, signup.display_name, signup.password_hash, mac.bytes, expires_at,
                            now, now - std::chrono::hours(1), hour_limit, invited_to, mac.version}));
  return rows.affected() == 1;
}

Result<std::optional<Pending>> Find(schema::Connection& connection, const crypto::LookupMacs& macs,
                                    Time now) {
  TRY(const auto rows, lookups_store::LookUp(macs, [&](const Bytes& mac) {
        return connection.Run(kFind, {mac, now});
      }));
  if (rows.empty()) return std::nullopt;
  Pending signup{
      std::string(rows.Text(0, 0)), std::string(rows.Text(0, 1)), std::string(rows.Text(0, 2)), {}, {}};
  const ByteView mac = rows.Blob(0, 4);
  signup.mac.assign(mac.begin(), mac.end());
  if (!rows.IsNull(0, 3)) signup.invited_to = rows.IdAt<OrgId>(0, 3);
  return signup;
}

Result<bool> Take(schema::Connection& connection, const Pending& signup, Time now) {
  TRY(const auto rows, connection.Run(kTake, {signup.mac, now}));
  return rows.affected() == 1;
}

}  // namespace claviger::api::signup_store
