#include "api/oidc/oidc.h"

#include <algorithm>

#include "api/org/admission.h"
#include "api/org/org_store.h"

namespace claviger::api {
namespace {

constexpr int kAttempts = 2;

Time WholeSecond(Time now) { return Time{std::chrono::seconds{UnixSeconds(now)}}; }

// What the provider calls the person, if it can be a display name here, else the address's local part.
std::string DisplayName(const crypto::IdClaims& claims, const std::string& email) {
  return IsDisplayName(claims.name) ? claims.name : email.substr(0, email.find('@'));
}

}  // namespace

Result<crypto::IdClaims> Oidc::Verify(std::string_view token, Time now) {
  const auto kid = crypto::KidOfIdToken(token);
  if (!kid) return Unauthenticated("the ID token is malformed");
  TRY(const auto key, parts_.keys.Find(*kid));
  if (!key) return Unauthenticated("the ID token is signed by an unknown key");
  return crypto::VerifyIdToken(token, *key, config_.rules, now);
}

Result<std::string> Oidc::UsableEmail(const crypto::IdClaims& claims) const {
  if (claims.email.empty() || !claims.email_verified) {
    return Forbidden("The identity provider has not verified an e-mail address of this person");
  }
  auto email = NormalizeEmail(claims.email);
  if (!email) return Forbidden("The e-mail address that the identity provider names cannot be used here");
  const std::string domain = email.value().substr(email.value().find('@') + 1);
  const auto& allowed = config_.email_domains;
  if (!allowed.empty() && std::find(allowed.begin(), allowed.end(), domain) == allowed.end()) {
    return Forbidden("E-mail addresses of this domain may not sign in here");
  }
  return email;
}

// Another first sign-in of the same person may win: then a second look finds the account.
Result<LoginAnswer> Oidc::Login(const SecretBytes& id_token, AuditDraft& audit) {
  if (config_.rules.issuer.empty()) return Invalid("Sign-in with an identity provider is not configured");
  audit.AddDetail("method", "oidc");
  TRY(const auto claims, Verify(id_token.Text(), parts_.clock.Now()));
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    TRY(auto answer, LoginOnce(claims, audit));
    if (answer) return std::move(*answer);
  }
  return Unauthenticated("the account changed meanwhile");
}

Result<std::optional<LoginAnswer>> Oidc::LoginOnce(const crypto::IdClaims& claims, AuditDraft& audit) {
  const Time now = parts_.clock.Now();  // before the account is read, see api/auth/auth.h
  const auto email = UsableEmail(claims);
  std::optional<oidc_store::Account> account;
  {
    TRY(auto lease, parts_.pool.Acquire());
    TRY(account, oidc_store::Find(*lease, {config_.rules.issuer, claims.subject},
                                  email.has_value() ? email.value() : std::string()));
  }
  if (account) {
    audit.SetActor("anonymous", "", account->org);
    audit.SetResource("user", account->user.ToString());
  }
  if (account && account->bound) return LogIn(*account, claims, now, audit);
  if (!email.has_value()) return email.as_failure();
  if (!account) return SignUp(claims, email.value(), now, audit);
  if (account->bound_to_other) {
    return Forbidden(
        "The account with this e-mail address belongs to somebody else at the identity provider");
  }
  if (!account->email_verified) {
    return Forbidden("An account with this e-mail address exists, but the address was never verified here");
  }
  return LogIn(*account, claims, now, audit);
}

Result<std::optional<LoginAnswer>> Oidc::SignUp(const crypto::IdClaims& claims, const std::string& email,
                                                Time now, AuditDraft& audit) {
  std::optional<org_store::Offer> offer;
  {
    TRY(auto lease, parts_.pool.Acquire());
    TRY(offer, org_store::FindOffer(*lease, email, now));
  }
  if (!offer && !config_.signup) return Forbidden("This person has no account here, and may not make one");
  auth_store::NewUser user;
  user.org = offer ? offer->org : OrgId{NewUuidV7(parts_.clock, parts_.random)};
  user.id = UserId{NewUuidV7(parts_.clock, parts_.random)};
  user.email = email;
  user.display_name = DisplayName(claims, email);
  user.auth_method = "google";
  user.email_verified = true;
  user.created_at = now;
  user.tokens_valid_from = WholeSecond(now);
  TRY(auto token, parts_.tokens.Issue(user.org, user.id, now, user.tokens_valid_from));
  TRY(const auto welcome,
      parts_.mail.Prepare(email, WelcomeMail(parts_.mail.url(), email, offer ? offer->inviter : "")));

  AuditDraft success = audit;  // a copy, see Auth::Signup
  success.SetAction("auth.signup");
  success.SetActor("user", user.id.ToString(), user.org);
  success.SetResource("user", user.id.ToString());
  TRY(auto lease, parts_.pool.Acquire());
  TRY(auto transaction, lease->Begin());
  const auto made = [&]() -> Status {
    TRYV(Admit(*lease, user, offer.has_value(), success));
    TRYV(lease->Run(oidc_store::Bind({config_.rules.issuer, claims.subject}, user.org, user.id, now)));
    return Ok();
  }();
  if (!made && made.error().kind == ErrorKind::kConflict) return std::nullopt;
  TRYV(made);
  TRY(const bool posted, parts_.mail.Post(*lease, welcome));
  if (!posted) success.AddDetail("mail", "outbox full");
  TRYV(parts_.audit.Insert(*lease, parts_.audit.Finish(success, "success")));
  TRYV(transaction.Commit());
  audit.MarkCommitted();
  return LoginAnswer(std::move(token));
}

Result<std::optional<LoginAnswer>> Oidc::LogIn(const oidc_store::Account& account,
                                               const crypto::IdClaims& claims, Time now, AuditDraft& audit) {
  const Mfa::Owner owner{account.org, account.user};
  return parts_.finisher.Finish(
      owner, now, account.tokens_valid_from, audit, [&](schema::Connection& connection) -> Result<bool> {
        TRY(const bool unchanged, oidc_store::ShareIfUnchanged(connection, account));
        if (!unchanged) return false;
        if (account.bound) return true;
        const auto bound = connection.Run(
            oidc_store::Bind({config_.rules.issuer, claims.subject}, account.org, account.user, now));
        if (!bound.has_value() && bound.error().kind == ErrorKind::kConflict) return false;
        if (!bound.has_value()) return bound.as_failure();
        return true;
      });
}

}  // namespace claviger::api
