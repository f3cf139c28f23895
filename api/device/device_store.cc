#include "api/device/device_store.h"

#include <algorithm>

#include "api/access/lookups_store.h"

namespace claviger::api::device_store {
namespace {

using schema::Statement;

constexpr int64_t kPurgeBatch = 200;

constexpr Statement kPurge = {"device_purge",
                              "DELETE FROM device_codes WHERE device_mac IN"
                              " (SELECT device_mac FROM device_codes WHERE expires_at <= $1"
                              "   ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)"};

constexpr Statement kInsert = {
    "device_insert",
    "INSERT INTO device_codes (device_mac, user_mac, client_id, device_name, user_agent, address, offline,"
    "                          created_at, expires_at, interval_seconds, lookup_version)"
    " SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $13"
    "  WHERE (SELECT count(*) FROM (SELECT 1 FROM device_codes WHERE address = $6 AND expires_at > $8"
    "                                LIMIT $11) a) < $11"
    "    AND (SELECT count(*) FROM (SELECT 1 FROM device_codes WHERE expires_at > $8 LIMIT $12) b) < $12"};

constexpr Statement kFindByDevice = {
    "device_find_by_device",
    "SELECT d.offline, d.client_id, d.polled_at, d.interval_seconds, d.decision, d.org_id, d.user_id,"
    "       d.decided_at, u.email, u.tokens_valid_from, d.device_mac"
    "  FROM device_codes d LEFT JOIN users u ON u.org_id = d.org_id AND u.id = d.user_id"
    " WHERE d.device_mac = $1 AND d.expires_at > $2",
    true};

constexpr Statement kSetPace = {
    "device_set_pace",
    "UPDATE device_codes SET polled_at = $4, interval_seconds = $5"
    " WHERE device_mac = $1 AND polled_at IS NOT DISTINCT FROM $2 AND interval_seconds = $3"};

constexpr Statement kRedeem = {"device_redeem",
                               "DELETE FROM device_codes WHERE device_mac = $1 AND decision = 'approved'"
                               " AND org_id = $2 AND user_id = $3"};

constexpr Statement kFindByUser = {
    "device_find_by_user",
    "SELECT client_id, device_name, offline, user_agent, address, created_at, expires_at, decision, user_mac"
    "  FROM device_codes WHERE user_mac = $1 AND expires_at > $2",
    true};

constexpr Statement kDecide = {
    "device_decide",
    "UPDATE device_codes SET decision = $2, org_id = $3, user_id = $4, decided_at = $5"
    " WHERE user_mac = $1 AND decision IS NULL AND expires_at > $5"};

constexpr Statement kSharePerson = {
    "device_share_person",
    "SELECT 1 FROM users WHERE org_id = $1 AND id = $2 AND tokens_valid_from = $3 FOR SHARE"};

std::optional<Time> OptionalTime(const schema::Rows& rows, int row, int column) {
  if (rows.IsNull(row, column)) return std::nullopt;
  return rows.Timestamp(row, column);
}

DeviceState ReadState(const schema::Rows& rows, int row, int column) {
  if (rows.IsNull(row, column)) return DeviceState::kPending;
  return rows.Text(row, column) == Name(DeviceState::kApproved) ? DeviceState::kApproved
                                                                : DeviceState::kDenied;
}

Bytes BytesAt(const schema::Rows& rows, int row, int column) {
  const ByteView bytes = rows.Blob(row, column);
  return {bytes.begin(), bytes.end()};
}

}  // namespace

Status Purge(schema::Connection& connection, Time now) {
  TRYV(connection.Run(kPurge, {now, kPurgeBatch}));
  return Ok();
}

Result<bool> Insert(schema::Connection& connection, const NewLogin& login, const Bounds& bounds) {
  TRY(const auto rows,
      connection.Run(
          kInsert,
          {login.device_mac.bytes, login.user_mac.bytes, login.asked.client_id, login.asked.device_name,
           login.user_agent, login.address, login.asked.offline, login.created_at, login.expires_at,
           static_cast<int32_t>(kFirstInterval.count()), bounds.per_address, bounds.in_all,
           // A move may have begun between the two.
           std::min(login.device_mac.version, login.user_mac.version)}));
  return rows.affected() == 1;
}

Result<std::optional<Waiting>> FindByDevice(schema::Connection& connection,
                                            const crypto::LookupMacs& device_macs, Time now) {
  TRY(const auto rows, lookups_store::LookUp(device_macs, [&](const Bytes& mac) {
        return connection.Run(kFindByDevice, {mac, now});
      }));
  if (rows.empty()) return std::nullopt;
  Waiting waiting;
  waiting.device_mac = BytesAt(rows, 0, 10);
  waiting.offline = rows.Bool(0, 0);
  waiting.client_id = rows.Text(0, 1);
  waiting.pace = {OptionalTime(rows, 0, 2), std::chrono::seconds(rows.Int4(0, 3))};
  waiting.state = ReadState(rows, 0, 4);
  if (waiting.state == DeviceState::kPending) return waiting;
  waiting.decider = {rows.IdAt<OrgId>(0, 5), rows.IdAt<UserId>(0, 6)};
  waiting.decided_at = rows.Timestamp(0, 7);
  waiting.email = rows.Text(0, 8);
  waiting.tokens_valid_from = rows.Timestamp(0, 9);
  return waiting;
}

Result<bool> SetPace(schema::Connection& connection, const Waiting& seen, const PollPace& pace) {
  TRY(const auto rows,
      connection.Run(kSetPace,
                     {seen.device_mac, seen.pace.polled_at, static_cast<int32_t>(seen.pace.interval.count()),
                      pace.polled_at, static_cast<int32_t>(pace.interval.count())}));
  return rows.affected() == 1;
}

Result<bool> Redeem(schema::Connection& connection, const Waiting& seen) {
  TRY(const auto rows, connection.Run(kRedeem, {seen.device_mac, seen.decider.org, seen.decider.user}));
  return rows.affected() == 1;
}

Result<std::optional<Asking>> FindByUser(schema::Connection& connection, const crypto::LookupMacs& user_macs,
                                         Time now) {
  TRY(const auto rows, lookups_store::LookUp(user_macs, [&](const Bytes& mac) {
        return connection.Run(kFindByUser, {mac, now});
      }));
  if (rows.empty()) return std::nullopt;
  Asking asking;
  asking.user_mac = BytesAt(rows, 0, 8);
  asking.asked = {std::string(rows.Text(0, 0)), std::string(rows.Text(0, 1)), rows.Bool(0, 2)};
  asking.user_agent = rows.Text(0, 3);
  asking.address = rows.Text(0, 4);
  asking.created_at = rows.Timestamp(0, 5);
  asking.expires_at = rows.Timestamp(0, 6);
  asking.state = ReadState(rows, 0, 7);
  return asking;
}

Result<bool> Decide(schema::Connection& connection, const Asking& seen, DeviceState decision,
                    const Decider& decider, Time decided_at) {
  TRY(const auto rows,
      connection.Run(kDecide, {seen.user_mac, Name(decision), decider.org, decider.user, decided_at}));
  return rows.affected() == 1;
}

Result<bool> SharePerson(schema::Connection& connection, const Decider& person, Time tokens_valid_from) {
  TRY(const auto rows, connection.Run(kSharePerson, {person.org, person.user, tokens_valid_from}));
  return !rows.empty();
}

}  // namespace claviger::api::device_store
