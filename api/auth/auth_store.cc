#include "api/auth/auth_store.h"

namespace claviger::api::auth_store {
namespace {

using schema::Statement;

constexpr int64_t kDeleteBatch = 500;

constexpr Statement kInsertOrg = {"auth_insert_org",
                                  "INSERT INTO orgs (id, name, created_at) VALUES ($1, $2, $3)"};

constexpr Statement kInsertUser = {
    "auth_insert_user",
    "INSERT INTO users (org_id, id, email, display_name, role, auth_method, password_hash,"
    "                   email_verified, tokens_valid_from, created_at)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"};

// Without an organisation: who logs in has only an address.
constexpr Statement kFindByEmail = {
    "auth_find_by_email",
    "SELECT id, org_id, email, password_hash, tokens_valid_from FROM users WHERE email = $1", true};

constexpr Statement kFindById = {
    "auth_find_by_id",
    "SELECT id, org_id, email, password_hash, tokens_valid_from FROM users WHERE org_id = $1 AND id = $2",
    true};

constexpr Statement kShareIfUnchanged = {
    "auth_share_if_unchanged",
    "SELECT 1 FROM users WHERE org_id = $1 AND id = $2 AND password_hash = $3 FOR SHARE"};

constexpr Statement kLockIfUnchanged = {
    "auth_lock_if_unchanged",
    "SELECT 1 FROM users WHERE org_id = $1 AND id = $2 AND password_hash = $3 FOR UPDATE"};

constexpr Statement kSetHash = {"auth_set_hash",
                                "UPDATE users SET password_hash = $3 WHERE org_id = $1 AND id = $2"};

constexpr Statement kSetPassword = {
    "auth_set_password",
    "UPDATE users SET password_hash = $3, tokens_valid_from = $4 WHERE org_id = $1 AND id = $2"};

constexpr Statement kRevokeToken = {
    "auth_revoke_token",
    "INSERT INTO revoked_tokens (org_id, jti, expires_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"};

// What a profile shows, of a row of users.
#define PROFILE_COLUMNS                                                                               \
  "id, org_id, email, display_name, auth_method, role, email_verified, marketing_emails, created_at," \
  " EXISTS (SELECT 1 FROM totp_factors f"                                                             \
  "          WHERE f.org_id = users.org_id AND f.user_id = users.id AND f.enabled_at IS NOT NULL)"

constexpr Statement kFindProfile = {
    "auth_find_profile", "SELECT " PROFILE_COLUMNS " FROM users WHERE org_id = $1 AND id = $2", true};

constexpr Statement kUpdateProfile = {
    "auth_update_profile",
    "UPDATE users SET display_name = COALESCE($3, display_name),"
    "                 marketing_emails = COALESCE($4::boolean, marketing_emails)"
    " WHERE org_id = $1 AND id = $2 RETURNING " PROFILE_COLUMNS};

constexpr Statement kLockOrg = {"auth_lock_org", "SELECT 1 FROM orgs WHERE id = $1 FOR UPDATE"};
constexpr Statement kLockMembers = {"auth_lock_members",
                                    "SELECT id, role FROM users WHERE org_id = $1 FOR UPDATE"};
constexpr Statement kLockVaults = {"auth_lock_vaults", "SELECT id FROM vaults WHERE org_id = $1 FOR UPDATE"};

constexpr Statement kDeleteUser = {"auth_delete_user", "DELETE FROM users WHERE org_id = $1 AND id = $2"};
// In batches, each within the statement timeout.
constexpr Statement kDeleteSecrets = {"auth_delete_secrets",
                                      "DELETE FROM secrets WHERE (org_id, id) IN"
                                      " (SELECT org_id, id FROM secrets WHERE org_id = $1 LIMIT $2)"};
constexpr Statement kDeleteOrg = {"auth_delete_org", "DELETE FROM orgs WHERE id = $1"};

std::optional<Credentials> ReadCredentials(const schema::Rows& rows) {
  if (rows.empty()) return std::nullopt;
  return Credentials{rows.IdAt<UserId>(0, 0), rows.IdAt<OrgId>(0, 1), std::string(rows.Text(0, 2)),
                     rows.IsNull(0, 3) ? std::string() : std::string(rows.Text(0, 3)), rows.Timestamp(0, 4)};
}

std::optional<Profile> ReadProfile(const schema::Rows& rows) {
  if (rows.empty()) return std::nullopt;
  Profile profile;
  profile.id = rows.IdAt<UserId>(0, 0);
  profile.org = rows.IdAt<OrgId>(0, 1);
  profile.email = rows.Text(0, 2);
  profile.display_name = rows.Text(0, 3);
  profile.auth_method = rows.Text(0, 4);
  profile.role = rows.Text(0, 5);
  profile.email_verified = rows.Bool(0, 6);
  profile.marketing_emails = rows.Bool(0, 7);
  profile.created_at = rows.Timestamp(0, 8);
  profile.totp_enabled = rows.Bool(0, 9);
  return profile;
}

}  // namespace

schema::Connection::Call InsertOrg(const OrgId& org, std::string_view name, Time now) {
  return {kInsertOrg, {org, name, now}};
}

schema::Connection::Call InsertUser(const NewUser& user) {
  return {kInsertUser,
          {user.org, user.id, user.email, user.display_name, Name(user.role), user.auth_method,
           user.password_hash, user.email_verified, user.tokens_valid_from, user.created_at}};
}

Result<std::optional<Credentials>> FindByEmail(schema::Connection& connection, std::string_view email) {
  TRY(const auto rows, connection.Run(kFindByEmail, {email}));
  return ReadCredentials(rows);
}

Result<std::optional<Credentials>> FindById(schema::Connection& connection, const OrgId& org,
                                            const UserId& user) {
  TRY(const auto rows, connection.Run(kFindById, {org, user}));
  return ReadCredentials(rows);
}

Result<bool> ShareIfUnchanged(schema::Connection& connection, const Credentials& seen) {
  TRY(const auto rows, connection.Run(kShareIfUnchanged, {seen.org, seen.id, seen.password_hash}));
  return !rows.empty();
}

Result<bool> LockIfUnchanged(schema::Connection& connection, const Credentials& seen) {
  TRY(const auto rows, connection.Run(kLockIfUnchanged, {seen.org, seen.id, seen.password_hash}));
  return !rows.empty();
}

Status SetHash(schema::Connection& connection, const Credentials& user, std::string_view password_hash) {
  TRYV(connection.Run(kSetHash, {user.org, user.id, password_hash}));
  return Ok();
}

Status SetPassword(schema::Connection& connection, const Credentials& user, std::string_view password_hash,
                   Time tokens_valid_from) {
  TRYV(connection.Run(kSetPassword, {user.org, user.id, password_hash, tokens_valid_from}));
  return Ok();
}

schema::Connection::Call RevokeToken(const OrgId& org, const TokenId& token, Time expires_at) {
  return {kRevokeToken, {org, token, expires_at}};
}

Result<std::optional<Profile>> FindProfile(schema::Connection& connection, const OrgId& org,
                                           const UserId& user) {
  TRY(const auto rows, connection.Run(kFindProfile, {org, user}));
  return ReadProfile(rows);
}

Result<std::optional<Profile>> UpdateProfile(schema::Connection& connection, const OrgId& org,
                                             const UserId& user, const UpdateMeRequest& request) {
  TRY(const auto rows,
      connection.Run(kUpdateProfile, {org, user, request.display_name, request.marketing_emails}));
  return ReadProfile(rows);
}

Result<std::vector<Member>> LockMembers(schema::Connection& connection, const OrgId& org) {
  TRYV(connection.Run(kLockOrg, {org}));
  TRY(const auto rows, connection.Run(kLockMembers, {org}));
  std::vector<Member> members;
  for (int i = 0; i < rows.size(); ++i) {
    const auto role = ParseRole(rows.Text(i, 1));
    if (!role) return Internal("stored role is unknown");
    members.push_back({rows.IdAt<UserId>(i, 0), *role});
  }
  return members;
}

Result<std::vector<VaultId>> LockVaults(schema::Connection& connection, const OrgId& org) {
  TRY(const auto rows, connection.Run(kLockVaults, {org}));
  std::vector<VaultId> vaults;
  for (int i = 0; i < rows.size(); ++i) vaults.push_back(rows.IdAt<VaultId>(i, 0));
  return vaults;
}

Status DeleteUser(schema::Connection& connection, const OrgId& org, const UserId& user) {
  TRYV(connection.Run(kDeleteUser, {org, user}));
  return Ok();
}

Status DeleteOrg(schema::Connection& connection, const OrgId& org) {
  while (true) {
    TRY(const auto rows, connection.Run(kDeleteSecrets, {org, kDeleteBatch}));
    if (rows.affected() < kDeleteBatch) break;
  }
  TRYV(connection.Run(kDeleteOrg, {org}));
  return Ok();
}

}  // namespace claviger::api::auth_store
