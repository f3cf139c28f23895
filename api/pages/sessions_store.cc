#include "api/pages/sessions_store.h"

#include "api/access/lookups_store.h"

namespace claviger::api::pages::sessions_store {
namespace {

using schema::Statement;

constexpr int64_t kPurgeBatch = 100;

constexpr Statement kPurge = {
    "page_sessions_purge",
    "DELETE FROM page_sessions WHERE mac IN"
    " (SELECT mac FROM page_sessions WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)"};

constexpr Statement kInsert = {"page_sessions_insert",
                               "INSERT INTO page_sessions (org_id, user_id, mac, lookup_version,"
                               "                           signed_in_at, expires_at)"
                               " VALUES ($1, $2, $3, $4, $5, $6)"};

// Without an organisation: a browser has only its cookie.
constexpr Statement kFind = {
    "page_sessions_find",
    "SELECT s.org_id, s.user_id, u.role, u.email, s.expires_at, s.signed_in_at, s.mac"
    "  FROM page_sessions s JOIN users u ON u.org_id = s.org_id AND u.id = s.user_id"
    " WHERE s.mac = $1 AND s.expires_at > $2 AND s.signed_in_at >= u.tokens_valid_from",
    true};

constexpr Statement kDelete = {"page_sessions_delete",
                               "DELETE FROM page_sessions WHERE org_id = $1 AND user_id = $2 AND mac = $3"};

}  // namespace

Status Insert(schema::Connection& connection, const AccessToken& token, const crypto::LookupMac& mac,
              Time now) {
  TRYV(connection.Run(kPurge, {now, kPurgeBatch}));
  TRYV(connection.Run(kInsert,
                      {token.org, token.user, mac.bytes, mac.version, token.issued_at, now + kSessionLife}));
  return Ok();
}

Result<std::optional<Session>> Find(schema::Connection& connection, const crypto::LookupMacs& macs,
                                    Time now) {
  TRY(const auto rows, lookups_store::LookUp(macs, [&](const Bytes& mac) {
        return connection.Run(kFind, {mac, now});
      }));
  if (rows.empty()) return std::nullopt;
  const auto role = ParseRole(rows.Text(0, 2));
  if (!role) return Internal("stored role is unknown");
  Session session;
  session.principal.org = rows.IdAt<OrgId>(0, 0);
  session.principal.id = rows.UuidAt(0, 1);
  session.principal.role = *role;
  session.email = rows.Text(0, 3);
  session.principal.expires_at = UnixSeconds(rows.Timestamp(0, 4));
  session.signed_in_at = rows.Timestamp(0, 5);
  const ByteView mac = rows.Blob(0, 6);
  session.mac.assign(mac.begin(), mac.end());
  return session;
}

Result<bool> Delete(schema::Connection& connection, const Session& session) {
  TRY(const auto rows, connection.Run(kDelete, {session.principal.org, session.principal.id, session.mac}));
  return rows.affected() == 1;
}

}  // namespace claviger::api::pages::sessions_store
