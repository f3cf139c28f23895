#include "api/api_keys/api_keys_store.h"

#include "api/json/string_list.h"

namespace claviger::api::api_keys_store {
namespace {

using schema::Rows;
using schema::Statement;

constexpr Statement kInsert{
    "api_keys_insert",
    "INSERT INTO api_keys (org_id, id, user_id, name, mac, key_prefix, scopes, created_at, expires_at, "
    "lookup_version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"};

// References to the person are not held up.
constexpr Statement kLockOwner{"api_keys_lock_owner",
                               "SELECT 1 FROM users WHERE org_id = $1 AND id = $2 FOR NO KEY UPDATE"};

constexpr Statement kCount{"api_keys_count",
                           "SELECT count(*), count(*) FILTER (WHERE created_at > $3) FROM api_keys WHERE "
                           "org_id = $1 AND user_id = $2",
                           true};

constexpr Statement kRemoveOldestDead{"api_keys_remove_oldest_dead",
                                      "DELETE FROM api_keys WHERE org_id = $1 AND id = (SELECT id FROM "
                                      "api_keys WHERE org_id = $1 AND user_id = $2 "
                                      "AND (NOT is_active OR expires_at <= $3) ORDER BY id LIMIT 1)"};

// Ids are UUIDv7: their order is the order of creation.
constexpr Statement kList{
    "api_keys_list",
    "SELECT id, name, key_prefix, scopes, is_active, created_at, expires_at, last_used_at FROM api_keys "
    "WHERE org_id = $1 AND user_id = $2 AND ($3::uuid IS NULL OR id > $3) ORDER BY id LIMIT $4",
    true};

constexpr Statement kRevoke{
    "api_keys_revoke",
    "UPDATE api_keys SET is_active = false WHERE org_id = $1 AND user_id = $2 AND id = $3"};

std::optional<Time> TimeAt(const Rows& rows, int row, int column) {
  if (rows.IsNull(row, column)) return std::nullopt;
  return rows.Timestamp(row, column);
}

Result<ApiKey> ReadKey(const Rows& rows, int row) {
  ApiKey key;
  key.id = rows.IdAt<KeyId>(row, 0);
  key.name = rows.Text(row, 1);
  key.prefix = rows.Text(row, 2);
  TRY(key.scopes, ParseStrings(rows.Text(row, 3)));
  key.is_active = rows.Bool(row, 4);
  key.created_at = rows.Timestamp(row, 5);
  key.expires_at = TimeAt(rows, row, 6);
  key.last_used_at = TimeAt(rows, row, 7);
  return key;
}

}  // namespace

Status Insert(schema::Connection& connection, const OrgId& org, const UserId& user, const ApiKey& key,
              const crypto::LookupMac& mac) {
  TRYV(connection.Run(kInsert, {org, key.id, user, key.name, mac.bytes, key.prefix, DumpStrings(key.scopes),
                                key.created_at, key.expires_at, mac.version}));
  return Ok();
}

Result<bool> LockOwner(schema::Connection& connection, const OrgId& org, const UserId& user) {
  TRY(const auto rows, connection.Run(kLockOwner, {org, user}));
  return !rows.empty();
}

Result<Tally> Count(schema::Connection& connection, const OrgId& org, const UserId& user, Time since) {
  TRY(const auto rows, connection.Run(kCount, {org, user, since}));
  return Tally{rows.Int8(0, 0), rows.Int8(0, 1)};
}

Result<bool> RemoveOldestDead(schema::Connection& connection, const OrgId& org, const UserId& user,
                              Time now) {
  TRY(const auto rows, connection.Run(kRemoveOldestDead, {org, user, now}));
  return rows.affected() == 1;
}

Result<std::vector<ApiKey>> List(schema::Connection& connection, const OrgId& org, const UserId& user,
                                 const std::optional<KeyId>& after, int64_t limit) {
  TRY(const auto rows, connection.Run(kList, {org, user, after, limit}));
  std::vector<ApiKey> keys;
  keys.reserve(rows.size());
  for (int row = 0; row < rows.size(); ++row) {
    TRY(auto key, ReadKey(rows, row));
    keys.push_back(std::move(key));
  }
  return keys;
}

Result<bool> Revoke(schema::Connection& connection, const OrgId& org, const UserId& user, const KeyId& key) {
  TRY(const auto rows, connection.Run(kRevoke, {org, user, key}));
  return rows.affected() == 1;
}

}  // namespace claviger::api::api_keys_store
