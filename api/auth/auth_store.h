#pragma once
// Every SQL statement on orgs, users and revoked_tokens, except the authenticator's one.

#include <optional>
#include <string>
#include <vector>

#include "api/access/principal.h"
#include "api/auth/auth_wire.h"
#include "schema/pg/pg.h"

namespace claviger::api::auth_store {

schema::Connection::Call InsertOrg(const OrgId& org, std::string_view name, Time now);
struct NewUser {
  UserId id;
  OrgId org;
  std::string email;
  std::string display_name;
  Role role = Role::kOwner;
  std::string_view auth_method = "email";
  std::optional<std::string> password_hash;
  bool email_verified = false;
  Time tokens_valid_from{};
  Time created_at{};
};
// A taken address is a unique violation.
schema::Connection::Call InsertUser(const NewUser& user);

struct Credentials {
  UserId id;
  OrgId org;
  std::string email;
  std::string password_hash;  // empty: none, the person signs in at a provider
  Time tokens_valid_from{};
};
Result<std::optional<Credentials>> FindByEmail(schema::Connection& connection, std::string_view email);
Result<std::optional<Credentials>> FindById(schema::Connection& connection, const OrgId& org,
                                            const UserId& user);

// Locks the user's row until the transaction ends, shared with other logins or alone; false if it is gone or
// its hash is another one by now.
Result<bool> ShareIfUnchanged(schema::Connection& connection, const Credentials& seen);
Result<bool> LockIfUnchanged(schema::Connection& connection, const Credentials& seen);
// The same password at another cost; tokens stay valid. Under the lock of LockIfUnchanged.
Status SetHash(schema::Connection& connection, const Credentials& user, std::string_view password_hash);
Status SetPassword(schema::Connection& connection, const Credentials& user, std::string_view password_hash,
                   Time tokens_valid_from);

schema::Connection::Call RevokeToken(const OrgId& org, const TokenId& token, Time expires_at);

// Both nullopt if the user is gone.
Result<std::optional<Profile>> FindProfile(schema::Connection& connection, const OrgId& org,
                                           const UserId& user);
// The profile as it is then.
Result<std::optional<Profile>> UpdateProfile(schema::Connection& connection, const OrgId& org,
                                             const UserId& user, const UpdateMeRequest& request);

struct Member {
  UserId id;
  Role role = Role::kMember;
};
// All members of an organisation, which is locked against changes until the transaction ends.
Result<std::vector<Member>> LockMembers(schema::Connection& connection, const OrgId& org);
// All vaults of an organisation, into which nobody may write until the transaction ends.
Result<std::vector<VaultId>> LockVaults(schema::Connection& connection, const OrgId& org);
Status DeleteUser(schema::Connection& connection, const OrgId& org, const UserId& user);
// And all that it holds.
Status DeleteOrg(schema::Connection& connection, const OrgId& org);

}  // namespace claviger::api::auth_store
