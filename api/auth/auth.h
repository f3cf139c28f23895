#pragma once
// Accounts of people and their access tokens.
//
// The life of a token: signup or login signs it in the HSM for 900 s. It dies earlier with DELETE
// /v1/auth/token (its id goes to revoked_tokens), with the account, or with a change of password, which kills
// all tokens of the user that exist, the presented one included: the client logs in again. (Tokens that were
// given for an API key die with that key instead.) Each of these commits together with its audit record and a
// row for the other nodes' caches, and this node forgets the token before it answers.
//
// A change of password is exact although tokens carry whole seconds. It stores the next full second as
// tokens_valid_from and an older token is dead; a login in the rest of that second gets an `iat` of that next
// second. A login that verified the old password cannot slip through: it reads the clock before it reads the
// user, and commits only under a lock on a row that still has the hash it verified.
//
// Where a second factor is enabled, a login gives a challenge in place of a token; api/mfa/mfa.h tells the
// rest. Nobody asks for the factor before the password was right, so its being there shows in no answer and
// no time.
//
// Guesses at passwords, and at which addresses have accounts, have budgets: what admits a request charges it
// before it is queued for Argon2, what serves it settles the account.
//
// A login verifies one hash whoever asks: the user's, or for unknown users one at the configured cost. A user
// whose hash has another cost would stand out; the first login that proves the password stores it anew.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/access/authenticator.h"
#include "api/access/installation_keys.h"
#include "api/audit/audit_log.h"
#include "api/auth/auth_store.h"
#include "api/auth/auth_wire.h"
#include "api/auth/login_finisher.h"
#include "api/auth/token_issuer.h"
#include "api/limits/guess_budgets.h"
#include "api/mail/mail.h"
#include "api/mfa/mfa.h"
#include "api/routes.h"
#include "crypto/keyring.h"
#include "crypto/password.h"
#include "schema/pg/pg.h"

namespace claviger::api {

struct AuthConfig {
  crypto::Argon2Cost argon2;
  crypto::PasswordRules password_rules;
};

class Auth {
 public:
  struct Parts {
    schema::Pool& pool;
    crypto::Keyring& keyring;
    Authenticator& authenticator;
    const TokenIssuer& tokens;
    Mfa& mfa;
    Mail& mail;
    const AuditLog& audit;
    GuessBudgets& guesses;
    const Clock& clock;
    Random& random;
    // Another one in tests, which count.
    std::function<Result<bool>(std::string_view, const SecretBytes&)> verify = crypto::VerifyPassword;
  };
  // Hashes a password nobody has, at the configured cost: fails if the memory for it is not there.
  static Result<std::unique_ptr<Auth>> Create(AuthConfig config, const Parts& parts);

  // `client`: ClientAddress::Group. kTooMany when the guesses are used up; kInvalid for a password that
  // breaks the rules, which is no guess.
  Result<Permit> AdmitSignup(const SignupRequest& request, const std::string& client, AuditDraft& audit);
  Result<Permit> AdmitLogin(const LoginRequest& request, const std::string& client, AuditDraft& audit);
  Result<Permit> AdmitPasswordChange(const Principal& principal, const ChangePasswordRequest& request,
                                     const std::string& client, AuditDraft& audit);

  // A new organisation with its owner. kConflict if the address has an account.
  Result<AccessToken> Signup(const SignupRequest& request, const Permit& permit, AuditDraft& audit);
  // kUnauthenticated "Invalid credentials", after the same work, for unknown users and wrong passwords.
  Result<LoginAnswer> Login(const LoginRequest& request, const Permit& permit, AuditDraft& audit);
  // The token that was presented; a key that was presented itself stays as it is.
  Status Revoke(const Principal& principal, AuditDraft& audit);
  // kUnauthenticated for a wrong current password, kInvalid for a weak new one and for accounts without one.
  // Tells the person by mail.
  Status ChangePassword(const Principal& principal, const ChangePasswordRequest& request,
                        const Permit& permit, AuditDraft& audit);
  Result<Profile> GetMe(const Principal& principal);
  Result<Profile> UpdateMe(const Principal& principal, const UpdateMeRequest& request, AuditDraft& audit);
  // With the last member the organisation goes, and all it holds. kInvalid for the last owner of others.
  Status DeleteMe(const Principal& principal, AuditDraft& audit);

 private:
  Auth(AuthConfig config, const Parts& parts, std::string dummy_hash);
  Result<AccessToken> MakeAccount(const SignupRequest& request, AuditDraft& audit);
  Result<LoginAnswer> TryLogin(const LoginRequest& request, AuditDraft& audit);
  Status ReplacePassword(const Principal& principal, const ChangePasswordRequest& request, AuditDraft& audit);
  // An attempt belongs to the log of the account's organisation, though nobody has proven anything yet.
  static void NameAccount(const auth_store::Credentials& user, AuditDraft& audit);
  // nullopt if the user's hash, or whether they have a second factor, changed while it was verified.
  Result<std::optional<LoginAnswer>> LoginOnce(const LoginRequest& request, AuditDraft& audit);
  // Locks the user's row; false if it has another hash by now. Stores `new_hash`, if given, in
  // its place.
  Result<bool> KeepHash(schema::Connection& connection, const auth_store::Credentials& user,
                        const std::optional<std::string>& new_hash);
  // What DeleteMe removes; returns the vaults whose keys must be forgotten.
  Result<std::vector<VaultId>> DeleteRows(const Principal& principal, AuditDraft& audit);

  const AuthConfig config_;
  schema::Pool& pool_;
  crypto::Keyring& keyring_;
  Authenticator& authenticator_;
  const TokenIssuer& tokens_;
  Mfa& mfa_;
  Mail& mail_;
  const AuditLog& audit_;
  const LoginFinisher finisher_;
  GuessBudgets& guesses_;
  const Clock& clock_;
  Random& random_;
  const std::function<Result<bool>(std::string_view, const SecretBytes&)> verify_;
  const std::string dummy_hash_;
};

// A token or a challenge, as every login answers.
http::Response LoginResponse(const LoginAnswer& answer);

// signup, login, revokeToken, refreshToken, changePassword, getMe, updateMe, deleteMe, getJwtPublicKey and
// the key set at two places. `auth` and `keys` must outlive the table.
std::vector<Route> AuthRoutes(Auth& auth, const InstallationKeys& keys);

}  // namespace claviger::api
