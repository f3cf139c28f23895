#include "api/auth/auth.h"

#include "api/access/change_feed.h"
#include "api/device/refresh_store.h"
#include "api/policies/policies_store.h"

namespace claviger::api {
namespace {

constexpr int kLoginAttempts = 2;

Error InvalidCredentials(std::string cause) {
  return MakeError(ErrorKind::kUnauthenticated, "Invalid credentials", std::move(cause));
}
Error AccountGone() { return Unauthenticated("the account is gone"); }

Time WholeSecond(int64_t seconds) { return Time{std::chrono::seconds{seconds}}; }

UserId UserOf(const Principal& principal) { return UserId{principal.id}; }

}  // namespace

Result<std::unique_ptr<Auth>> Auth::Create(AuthConfig config, const Parts& parts) {
  TRY(auto dummy_hash, crypto::DummyHash(config.argon2, parts.random));
  return std::unique_ptr<Auth>(new Auth(std::move(config), parts, std::move(dummy_hash)));
}

Auth::Auth(AuthConfig config, const Parts& parts, std::string dummy_hash)
    : config_(std::move(config)),
      pool_(parts.pool),
      keyring_(parts.keyring),
      authenticator_(parts.authenticator),
      tokens_(parts.tokens),
      mfa_(parts.mfa),
      mail_(parts.mail),
      audit_(parts.audit),
      finisher_(parts.pool, parts.tokens, parts.mfa, parts.audit),
      guesses_(parts.guesses),
      clock_(parts.clock),
      random_(parts.random),
      verify_(parts.verify),
      dummy_hash_(std::move(dummy_hash)) {}

void Auth::NameAccount(const auth_store::Credentials& user, AuditDraft& audit) {
  audit.SetActor("anonymous", "", user.org);
  audit.SetResource("user", user.id.ToString());
}

// Not counted by account: or nobody could sign up under an address that somebody else asks for all day.
Result<Permit> Auth::AdmitSignup(const SignupRequest& request, const std::string& client, AuditDraft& audit) {
  TRYV(crypto::CheckPasswordRules(request.password.Text(), request.email, config_.password_rules));
  return guesses_.Take(Guess::kSignup, {client, {}}, audit);
}

Result<Permit> Auth::AdmitLogin(const LoginRequest& request, const std::string& client, AuditDraft& audit) {
  auto permit = guesses_.Take(Guess::kLogin, {client, request.email.value_or("")}, audit);
  if (permit.has_value() || audit.committed() || !request.email) return permit;
  TRY(auto lease, pool_.Acquire());
  TRY(const auto user, auth_store::FindByEmail(*lease, *request.email));
  if (user) NameAccount(*user, audit);
  return permit;
}

Result<Permit> Auth::AdmitPasswordChange(const Principal& principal, const ChangePasswordRequest& request,
                                         const std::string& client, AuditDraft& audit) {
  audit.SetResource("user", FormatUuid(principal.id));
  TRY(const auto profile, GetMe(principal));
  TRYV(crypto::CheckPasswordRules(request.new_password.Text(), profile.email, config_.password_rules));
  return guesses_.Take(Guess::kPassword, {client, profile.email}, audit);
}

Result<AccessToken> Auth::Signup(const SignupRequest& request, const Permit& permit, AuditDraft& audit) {
  auto token = MakeAccount(request, audit);
  guesses_.Settle(permit, token);
  return token;
}

Result<AccessToken> Auth::MakeAccount(const SignupRequest& request, AuditDraft& audit) {
  TRYV(crypto::CheckPasswordRules(request.password.Text(), request.email, config_.password_rules));
  const Time now = clock_.Now();
  auth_store::NewUser user;
  user.org = OrgId{NewUuidV7(clock_, random_)};
  user.id = UserId{NewUuidV7(clock_, random_)};
  user.email = request.email;
  user.display_name = request.display_name;
  user.created_at = now;
  user.tokens_valid_from = WholeSecond(UnixSeconds(now));
  TRY(user.password_hash, crypto::HashPassword(config_.argon2, random_, request.password));
  TRY(auto token, tokens_.Issue(user.org, user.id, now, user.tokens_valid_from));

  // A copy: if the account is not made after all, nobody of that name did anything.
  AuditDraft success = audit;
  success.SetActor("user", user.id.ToString(), user.org);
  success.SetResource("user", user.id.ToString());
  TRY(auto lease, pool_.Acquire());
  const auto committed = lease->RunTogether({auth_store::InsertOrg(user.org, user.display_name, now),
                                             auth_store::InsertUser(user),
                                             audit_.InsertCall(audit_.Finish(success, "success"))});
  if (!committed.has_value()) {
    if (committed.error().kind != ErrorKind::kConflict) return committed.as_failure();
    return Conflict("An account with this e-mail address already exists");
  }
  audit.MarkCommitted();
  return token;
}

Result<LoginAnswer> Auth::Login(const LoginRequest& request, const Permit& permit, AuditDraft& audit) {
  auto answer = TryLogin(request, audit);
  if (answer.has_value() && std::holds_alternative<MfaChallenge>(answer.value())) {
    guesses_.GiveBack(permit);  // familiar is an address only where the code was right as well
  } else {
    guesses_.Settle(permit, answer);
  }
  return answer;
}

// A login at the same moment may have stored the password anew: then a second look finds it.
Result<LoginAnswer> Auth::TryLogin(const LoginRequest& request, AuditDraft& audit) {
  for (int attempt = 0; attempt < kLoginAttempts; ++attempt) {
    TRY(auto answer, LoginOnce(request, audit));
    if (answer) return std::move(*answer);
  }
  return InvalidCredentials("the password changed meanwhile");
}

Result<std::optional<LoginAnswer>> Auth::LoginOnce(const LoginRequest& request, AuditDraft& audit) {
  const Time now = clock_.Now();  // before the user is read, see auth.h
  std::optional<auth_store::Credentials> user;
  if (request.email) {
    TRY(auto lease, pool_.Acquire());
    TRY(user, auth_store::FindByEmail(*lease, *request.email));
  }
  if (user) NameAccount(*user, audit);
  const bool has_password = user && !user->password_hash.empty();
  TRY(const bool matches, verify_(has_password ? user->password_hash : dummy_hash_, request.password));
  if (!user) return InvalidCredentials("unknown user");
  if (!has_password || !matches) return InvalidCredentials(has_password ? "wrong password" : "no password");

  std::optional<std::string> new_hash;
  if (!crypto::HasCost(user->password_hash, config_.argon2)) {
    TRY(new_hash, crypto::HashPassword(config_.argon2, random_, request.password));
  }
  return finisher_.Finish(
      {user->org, user->id}, now, user->tokens_valid_from, audit,
      [&](schema::Connection& connection) { return KeepHash(connection, *user, new_hash); });
}

Result<bool> Auth::KeepHash(schema::Connection& connection, const auth_store::Credentials& user,
                            const std::optional<std::string>& new_hash) {
  if (!new_hash) return auth_store::ShareIfUnchanged(connection, user);
  TRY(const bool unchanged, auth_store::LockIfUnchanged(connection, user));
  if (!unchanged) return false;
  TRYV(auth_store::SetHash(connection, user, *new_hash));
  return true;
}

Status Auth::Revoke(const Principal& principal, AuditDraft& audit) {
  if (principal.token.IsNil()) return Ok();
  audit.SetResource("token", principal.token.ToString());
  TRY(auto lease, pool_.Acquire());
  const auto committed = lease->RunTogether(
      {auth_store::RevokeToken(principal.org, principal.token, WholeSecond(principal.expires_at)),
       refresh_store::EndFamilyOf(principal.org, principal.token), ChangeCall("token", principal.token.uuid),
       audit_.InsertCall(audit_.Finish(audit, "success"))});
  if (!committed.has_value()) {
    // The organisation went while the request was on its way, and the token with it.
    if (committed.error().kind == ErrorKind::kConflict) return AccountGone();
    return committed.as_failure();
  }
  authenticator_.ForgetToken(principal.token);
  audit.MarkCommitted();
  return Ok();
}

Status Auth::ChangePassword(const Principal& principal, const ChangePasswordRequest& request,
                            const Permit& permit, AuditDraft& audit) {
  auto changed = ReplacePassword(principal, request, audit);
  guesses_.Settle(permit, changed);
  if (changed.has_value()) guesses_.ForgetOtherAddresses(permit);
  return changed;
}

Status Auth::ReplacePassword(const Principal& principal, const ChangePasswordRequest& request,
                             AuditDraft& audit) {
  audit.SetResource("user", FormatUuid(principal.id));
  std::optional<auth_store::Credentials> user;
  {
    TRY(auto lease, pool_.Acquire());
    TRY(user, auth_store::FindById(*lease, principal.org, UserOf(principal)));
  }
  if (!user) return AccountGone();
  TRYV(crypto::CheckPasswordRules(request.new_password.Text(), user->email, config_.password_rules));
  if (user->password_hash.empty()) return Invalid("This account has no password: it signs in elsewhere");
  TRY(const bool matches, verify_(user->password_hash, request.current_password));
  if (!matches) return InvalidCredentials("wrong current password");
  TRY(const auto new_hash, crypto::HashPassword(config_.argon2, random_, request.new_password));
  TRY(const auto mail,
      mail_.Prepare(user->email, PasswordChangedMail(mail_.url(), user->email, clock_.Now())));

  TRY(auto lease, pool_.Acquire());
  TRY(auto transaction, lease->Begin());
  TRY(const bool unchanged, auth_store::LockIfUnchanged(*lease, *user));
  if (!unchanged) return InvalidCredentials("the password changed meanwhile");
  // First: a challenge that is being redeemed counts among the logins that committed before.
  TRYV(mfa_.ForgetChallenges(*lease, {user->org, user->id}));
  // Read under the lock: every login that committed before read its clock earlier. A login after a change in
  // this very second got an `iat` of that change's tokens_valid_from, so this one goes beyond it.
  const Time next_second = WholeSecond(UnixSeconds(clock_.Now()) + 1);
  const Time valid_from = std::max(next_second, user->tokens_valid_from + std::chrono::seconds(1));
  TRYV(auth_store::SetPassword(*lease, *user, new_hash, valid_from));
  TRYV(lease->Run(ChangeCall("user", principal.id)));
  TRY(const bool posted, mail_.Post(*lease, mail));
  if (!posted) audit.AddDetail("mail", "outbox full");
  TRYV(audit_.Insert(*lease, audit_.Finish(audit, "success")));
  TRYV(transaction.Commit());
  authenticator_.ForgetUser(UserOf(principal));
  audit.MarkCommitted();
  return Ok();
}

Result<Profile> Auth::GetMe(const Principal& principal) {
  TRY(auto lease, pool_.Acquire());
  TRY(auto profile, auth_store::FindProfile(*lease, principal.org, UserOf(principal)));
  if (!profile) return AccountGone();
  return std::move(*profile);
}

Result<Profile> Auth::UpdateMe(const Principal& principal, const UpdateMeRequest& request,
                               AuditDraft& audit) {
  audit.SetResource("user", FormatUuid(principal.id));
  TRY(auto lease, pool_.Acquire());
  TRY(auto transaction, lease->Begin());
  TRY(auto profile, auth_store::UpdateProfile(*lease, principal.org, UserOf(principal), request));
  if (!profile) return AccountGone();
  TRYV(audit_.Insert(*lease, audit_.Finish(audit, "success")));
  TRYV(transaction.Commit());
  audit.MarkCommitted();
  return std::move(*profile);
}

Status Auth::DeleteMe(const Principal& principal, AuditDraft& audit) {
  audit.SetResource("user", FormatUuid(principal.id));
  TRY(const auto vaults, DeleteRows(principal, audit));
  authenticator_.ForgetOrg(principal.org);  // members that stay cost one SELECT each
  audit.MarkCommitted();
  for (const auto& vault : vaults) keyring_.ForgetKeks(vault);
  return Ok();
}

Result<std::vector<VaultId>> Auth::DeleteRows(const Principal& principal, AuditDraft& audit) {
  TRY(auto lease, pool_.Acquire());
  TRY(auto transaction, lease->Begin());
  TRY(const auto members, auth_store::LockMembers(*lease, principal.org));
  bool is_member = false;
  bool is_owner = false;
  bool has_other_owner = false;
  for (const auto& member : members) {
    const bool self = member.id == UserOf(principal);
    is_member |= self;
    is_owner |= self && member.role == Role::kOwner;
    has_other_owner |= !self && member.role == Role::kOwner;
  }
  if (!is_member) return AccountGone();

  std::vector<VaultId> vaults;
  if (members.size() == 1) {
    TRY(vaults, auth_store::LockVaults(*lease, principal.org));
    TRYV(auth_store::DeleteOrg(*lease, principal.org));
    TRYV(lease->Run(ChangeCall("org", principal.org.uuid)));
  } else {
    if (is_owner && !has_other_owner)
      return Invalid("The last owner cannot leave an organisation with members");
    TRYV(policies_store::DeleteOfUser(*lease, principal.org, UserOf(principal)));
    TRYV(auth_store::DeleteUser(*lease, principal.org, UserOf(principal)));
  }
  TRYV(lease->Run(ChangeCall("user", principal.id)));
  TRYV(audit_.Insert(*lease, audit_.Finish(audit, "success")));
  TRYV(transaction.Commit());
  return vaults;
}

}  // namespace claviger::api
