#include "api/oidc/oidc_store.h"

namespace claviger::api::oidc_store {
namespace {

using schema::Statement;

// Without an organisation: who signs in has only what the provider says. The bound account comes first.
constexpr Statement kFind = {
    "oidc_find",
    "SELECT u.org_id, u.id, u.tokens_valid_from, true, u.email_verified, false"
    "  FROM identities i JOIN users u ON u.org_id = i.org_id AND u.id = i.user_id"
    " WHERE i.issuer = $1 AND i.subject = $2"
    " UNION ALL "
    "SELECT org_id, id, tokens_valid_from, false, email_verified,"
    "       EXISTS (SELECT 1 FROM identities o"
    "                WHERE o.org_id = users.org_id AND o.user_id = users.id AND o.issuer = $1)"
    "  FROM users WHERE email = $3"
    " LIMIT 1",
    true};

constexpr Statement kBind = {
    "oidc_bind",
    "INSERT INTO identities (issuer, subject, org_id, user_id, created_at) VALUES ($1, $2, $3, $4, $5)"};

constexpr Statement kShareIfUnchanged = {
    "oidc_share_if_unchanged",
    "SELECT 1 FROM users WHERE org_id = $1 AND id = $2 AND tokens_valid_from = $3 FOR SHARE"};

}  // namespace

Result<std::optional<Account>> Find(schema::Connection& connection, const Identity& identity,
                                    std::string_view email) {
  TRY(const auto rows, connection.Run(kFind, {identity.issuer, identity.subject, email}));
  if (rows.empty()) return std::nullopt;
  Account account;
  account.org = rows.IdAt<OrgId>(0, 0);
  account.user = rows.IdAt<UserId>(0, 1);
  account.tokens_valid_from = rows.Timestamp(0, 2);
  account.bound = rows.Bool(0, 3);
  account.email_verified = rows.Bool(0, 4);
  account.bound_to_other = rows.Bool(0, 5);
  return account;
}

schema::Connection::Call Bind(const Identity& identity, const OrgId& org, const UserId& user, Time now) {
  return {kBind, {identity.issuer, identity.subject, org, user, now}};
}

Result<bool> ShareIfUnchanged(schema::Connection& connection, const Account& seen) {
  TRY(const auto rows, connection.Run(kShareIfUnchanged, {seen.org, seen.user, seen.tokens_valid_from}));
  return !rows.empty();
}

}  // namespace claviger::api::oidc_store
