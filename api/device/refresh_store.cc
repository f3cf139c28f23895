#include "api/device/refresh_store.h"

#include "api/access/lookups_store.h"

namespace claviger::api::refresh_store {
namespace {

using schema::Statement;

constexpr int64_t kPurgeBatch = 100;

constexpr Statement kPurge = {
    "refresh_purge",
    "DELETE FROM refresh_families WHERE (org_id, id) IN"
    " (SELECT org_id, id FROM refresh_families WHERE rotated_at <= $1 OR expires_at <= $2 LIMIT $3"
    "   FOR UPDATE SKIP LOCKED)"};

constexpr Statement kTrim = {"refresh_trim",
                             "DELETE FROM refresh_families WHERE (org_id, id) IN"
                             " (SELECT org_id, id FROM refresh_families WHERE org_id = $1 AND user_id = $2"
                             "   ORDER BY rotated_at DESC OFFSET $3)"};

constexpr Statement kInsertFamily = {
    "refresh_insert_family",
    "INSERT INTO refresh_families (org_id, id, user_id, client_id, began_at, expires_at, current_mac,"
    "                              rotated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"};

constexpr Statement kInsertToken = {
    "refresh_insert_token",
    "INSERT INTO refresh_tokens (org_id, family_id, mac, lookup_version, access_id, access_expires_at)"
    " VALUES ($1, $2, $3, $4, $5, $6)"};

// Without an organisation: who comes with a token has nothing else.
constexpr Statement kFind = {
    "refresh_find",
    "SELECT f.org_id, f.id, f.user_id, f.client_id, f.began_at, f.expires_at, f.rotated_at, f.rotations,"
    "       u.email, u.tokens_valid_from, t.mac"
    "  FROM refresh_tokens t"
    "  JOIN refresh_families f ON f.org_id = t.org_id AND f.id = t.family_id"
    "  JOIN users u ON u.org_id = f.org_id AND u.id = f.user_id"
    " WHERE t.mac = $1",
    true};

constexpr Statement kLock = {"refresh_lock",
                             "SELECT current_mac, previous_mac, rotated_at FROM refresh_families"
                             " WHERE org_id = $1 AND id = $2 FOR UPDATE"};

constexpr Statement kRotate = {
    "refresh_rotate",
    "UPDATE refresh_families SET current_mac = $3, previous_mac = $4, rotated_at = $5,"
    "                            rotations = rotations + 1"
    " WHERE org_id = $1 AND id = $2"};

constexpr Statement kLiveAccess = {"refresh_live_access",
                                   "SELECT access_id FROM refresh_tokens"
                                   " WHERE org_id = $1 AND family_id = $2 AND access_expires_at > $3"};

constexpr Statement kRevokeAccess = {"refresh_revoke_access",
                                     "INSERT INTO revoked_tokens (org_id, jti, expires_at)"
                                     " SELECT org_id, access_id, access_expires_at FROM refresh_tokens"
                                     "  WHERE org_id = $1 AND family_id = $2 AND access_expires_at > $3"
                                     " ON CONFLICT DO NOTHING"};

constexpr Statement kLogRevoked = {
    "refresh_log_revoked",
    "INSERT INTO change_log (kind, id) SELECT 'token', access_id FROM refresh_tokens"
    " WHERE org_id = $1 AND family_id = $2 AND access_expires_at > $3"};

constexpr Statement kDelete = {"refresh_delete",
                               "DELETE FROM refresh_families WHERE org_id = $1 AND id = $2"};

constexpr Statement kEndFamilyOf = {
    "refresh_end_family_of",
    "DELETE FROM refresh_families WHERE org_id = $1 AND id IN"
    " (SELECT family_id FROM refresh_tokens WHERE org_id = $1 AND access_id = $2)"};

Bytes Copy(ByteView bytes) { return {bytes.begin(), bytes.end()}; }

Status InsertToken(schema::Connection& connection, const Family& family, const Issued& token) {
  TRYV(connection.Run(kInsertToken, {family.org, family.id, token.mac.bytes, token.mac.version, token.access,
                                     token.access_expires_at}));
  return Ok();
}

}  // namespace

Status Insert(schema::Connection& connection, const Family& family, const Issued& first, Time idle_since,
              int64_t limit) {
  TRYV(connection.Run(kPurge, {idle_since, family.rotated_at, kPurgeBatch}));
  TRYV(connection.Run(kTrim, {family.org, family.user, limit - 1}));
  TRYV(connection.Run(kInsertFamily, {family.org, family.id, family.user, family.client_id, family.began_at,
                                      family.expires_at, first.mac.bytes, family.rotated_at}));
  return InsertToken(connection, family, first);
}

Result<std::optional<Family>> Find(schema::Connection& connection, const crypto::LookupMacs& macs) {
  TRY(const auto rows,
      lookups_store::LookUp(macs, [&](const Bytes& mac) { return connection.Run(kFind, {mac}); }));
  if (rows.empty()) return std::nullopt;
  Family family;
  family.org = rows.IdAt<OrgId>(0, 0);
  family.id = rows.UuidAt(0, 1);
  family.user = rows.IdAt<UserId>(0, 2);
  family.client_id = rows.Text(0, 3);
  family.began_at = rows.Timestamp(0, 4);
  family.expires_at = rows.Timestamp(0, 5);
  family.rotated_at = rows.Timestamp(0, 6);
  family.rotations = rows.Int4(0, 7);
  family.email = rows.Text(0, 8);
  family.tokens_valid_from = rows.Timestamp(0, 9);
  family.shown = Copy(rows.Blob(0, 10));
  return family;
}

Result<std::optional<Turn>> Lock(schema::Connection& connection, const Family& family) {
  TRY(const auto rows, connection.Run(kLock, {family.org, family.id}));
  if (rows.empty()) return std::nullopt;
  Turn turn{Copy(rows.Blob(0, 0)), {}, rows.Timestamp(0, 2)};
  if (!rows.IsNull(0, 1)) turn.previous = Copy(rows.Blob(0, 1));
  return turn;
}

Status Rotate(schema::Connection& connection, const Family& family, const Turn& turn, const Issued& next) {
  TRYV(connection.Run(kRotate, {family.org, family.id, next.mac.bytes, turn.previous, turn.rotated_at}));
  return InsertToken(connection, family, next);
}

Result<std::vector<TokenId>> End(schema::Connection& connection, const Family& family, Time now) {
  TRY(const auto rows, connection.Run(kLiveAccess, {family.org, family.id, now}));
  std::vector<TokenId> revoked;
  for (int i = 0; i < rows.size(); ++i) revoked.push_back(rows.IdAt<TokenId>(i, 0));
  TRYV(connection.Run(kRevokeAccess, {family.org, family.id, now}));
  TRYV(connection.Run(kLogRevoked, {family.org, family.id, now}));
  TRYV(connection.Run(kDelete, {family.org, family.id}));
  return revoked;
}

schema::Connection::Call EndFamilyOf(const OrgId& org, const TokenId& access) {
  return {kEndFamilyOf, {org, access}};
}

}  // namespace claviger::api::refresh_store
