#include "api/auth/login_finisher.h"

namespace claviger::api {

Result<std::optional<LoginAnswer>> LoginFinisher::Finish(const Mfa::Owner& owner, Time now, Time valid_from,
                                                         AuditDraft& audit, const Confirm& confirm) const {
  TRY(const bool half_way, mfa_.Enabled(owner));
  Mfa::PreparedChallenge prepared;
  AccessToken token;
  AuditDraft success = audit;
  if (half_way) {
    TRY(prepared, mfa_.Prepare());
    success.SetAction("auth.challenge");
  } else {
    TRY(token, tokens_.Issue(owner.org, owner.user, now, valid_from));
    success.SetAction("auth.success");
    success.SetActor("user", owner.user.ToString(), owner.org);
  }
  TRY(auto lease, pool_.Acquire());
  TRY(auto transaction, lease->Begin());
  TRY(const bool confirmed, confirm(*lease));
  if (!confirmed) return std::nullopt;
  if (half_way) {
    TRY(const bool stored, mfa_.Store(*lease, owner, prepared));
    if (!stored) return std::nullopt;
  }
  TRYV(audit_.Insert(*lease, audit_.Finish(success, "success")));
  TRYV(transaction.Commit());
  audit.MarkCommitted();
  if (half_way) return LoginAnswer(std::move(prepared.challenge));
  return LoginAnswer(std::move(token));
}

}  // namespace claviger::api
