#include "api/signup/signup.h"

#include "api/auth/auth_store.h"
#include "api/org/admission.h"
#include "api/org/org_store.h"
#include "api/signup/signup_store.h"
#include "crypto/credential.h"

namespace claviger::api {
namespace {

constexpr std::string_view kTokenPrefix = "vfy_";
constexpr std::string_view kTokenPurpose = "claviger/verify-email/1";
constexpr std::chrono::hours kLifetime{24};

// The refusal's reason is for the audit log alone.
Error DeadToken(AuditDraft& audit, std::string reason) {
  audit.AddDetail("reason", reason);
  return MakeError(ErrorKind::kInvalid, "The code is unknown, used or expired", std::move(reason));
}

}  // namespace

Status Signups::Ask(const SignupRequest& request, const http::ClientAddress& client, AuditDraft& audit) {
  TRYV(crypto::CheckPasswordRules(request.password.Text(), request.email, config_.password_rules));
  signup_store::Pending pending{request.email, request.display_name, {}, {}, {}};
  TRY(pending.password_hash, crypto::HashPassword(config_.argon2, parts_.random, request.password));
  const SecretBytes token = crypto::NewCredential(kTokenPrefix, parts_.random);
  TRY(const auto mac, crypto::CredentialMac(parts_.keyring, kTokenPurpose, token.Text()));
  const Time now = parts_.clock.Now();
  std::optional<auth_store::Credentials> account;
  std::optional<org_store::Offer> offer;
  {
    TRY(auto lease, parts_.pool.Acquire());
    TRY(account, auth_store::FindByEmail(*lease, request.email));
    TRY(offer, org_store::FindOffer(*lease, request.email, now));
  }
  if (offer) pending.invited_to = offer->org;
  TRY(const auto mail,
      parts_.mail.Prepare(request.email, account ? AlreadyRegisteredMail(parts_.mail.url(), client, now)
                                                 : ConfirmAddressMail(parts_.mail.url(), token, client, now,
                                                                      offer ? offer->inviter : "")));
  // The attempt belongs to the log of the account's organisation, though nobody has proven anything.
  if (account) {
    audit.SetActor("anonymous", "", account->org);
    audit.SetResource("user", account->id.ToString());
  }

  TRY(auto lease, parts_.pool.Acquire());
  TRY(auto transaction, lease->Begin());
  TRY(const bool room, signup_store::HasRoom(*lease, kMaxPending));
  if (!room) return Unavailable("too many signups are pending");
  TRY(const bool put, signup_store::Put(*lease, pending, mac, now, now + kLifetime, kMailsPerHour));
  const bool kept_out = config_.invited_only && !offer;
  if (put) {
    // A full outbox must not tell who is invited.
    TRY(const bool posted, kept_out ? parts_.mail.HasRoom(*lease) : parts_.mail.Post(*lease, mail));
    if (!posted) return Unavailable("the outbox is full");
  }
  if (kept_out) {
    audit.AddDetail("reason", "not invited");
  } else if (!put) {
    audit.AddDetail("reason", "too many mails");
  }
  TRYV(parts_.audit.Insert(*lease, parts_.audit.Finish(audit, put && !kept_out ? "success" : "denied")));
  TRYV(transaction.Commit());
  audit.MarkCommitted();
  return Ok();
}

Result<auth_store::NewUser> Signups::NewUserOf(const signup_store::Pending& pending, Time now) {
  auth_store::NewUser user;
  user.id = UserId{NewUuidV7(parts_.clock, parts_.random)};
  user.org = OrgId{NewUuidV7(parts_.clock, parts_.random)};
  if (pending.invited_to) {
    TRY(auto lease, parts_.pool.Acquire());
    TRY(const bool open, org_store::IsOpen(*lease, *pending.invited_to, pending.email, now));
    if (open) user.org = *pending.invited_to;
  }
  user.email = pending.email;
  user.display_name = pending.display_name;
  user.password_hash = pending.password_hash;
  user.email_verified = true;
  user.tokens_valid_from = std::chrono::floor<std::chrono::seconds>(now);
  user.created_at = now;
  return user;
}

Result<Signups::Verified> Signups::Verify(std::string_view token, const std::string& client,
                                          AuditDraft& audit) {
  // What can be no code tells nothing, and costs no guess.
  if (!crypto::HasCredentialForm(kTokenPrefix, token)) return DeadToken(audit, "malformed token");
  TRY(const auto permit, parts_.guesses.Take(Guess::kMailCode, {client, {}}, audit));
  auto verified = MakeAccount(token, audit);
  parts_.guesses.Settle(permit, verified);
  return verified;
}

Result<Signups::Verified> Signups::MakeAccount(std::string_view token, AuditDraft& audit) {
  TRY(const auto macs, crypto::CredentialMacs(parts_.keyring, kTokenPurpose, token));
  const Time now = parts_.clock.Now();
  std::optional<signup_store::Pending> pending;
  {
    TRY(auto lease, parts_.pool.Acquire());
    TRY(pending, signup_store::Find(*lease, macs, now));
  }
  if (!pending) return DeadToken(audit, "unknown or expired token");
  TRY(const auto user, NewUserOf(*pending, now));
  const bool invited = user.org == pending->invited_to;
  if (config_.invited_only && !invited) return DeadToken(audit, "not invited, or not any more");
  TRY(auto first_token, parts_.tokens.Issue(user.org, user.id, now, user.tokens_valid_from));
  TRY(const auto welcome, parts_.mail.Prepare(user.email, WelcomeMail(parts_.mail.url(), user.email)));

  AuditDraft success = audit;
  success.SetActor("user", user.id.ToString(), user.org);
  success.SetResource("user", user.id.ToString());
  TRY(auto lease, parts_.pool.Acquire());
  TRY(auto transaction, lease->Begin());
  TRY(const bool taken, signup_store::Take(*lease, *pending, now));
  if (!taken) return DeadToken(audit, "token used meanwhile");
  const auto admitted = Admit(*lease, user, invited, success);
  if (!admitted && admitted.error().kind == ErrorKind::kConflict) {
    return DeadToken(audit, "the address has an account");
  }
  TRYV(admitted);
  TRY(const bool posted, parts_.mail.Post(*lease, welcome));
  if (!posted) success.AddDetail("mail", "outbox full");
  TRYV(parts_.audit.Insert(*lease, parts_.audit.Finish(success, "success")));
  TRYV(transaction.Commit());
  audit.MarkCommitted();
  return Verified{user.email, std::move(first_token)};
}

}  // namespace claviger::api
