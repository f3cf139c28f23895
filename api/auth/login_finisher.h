#pragma once
// The last step of every way to log in, after the person has proven who they are: a token, or, where a second
// factor is enabled, a challenge for it; with its audit record, in one transaction.

#include <functional>
#include <optional>
#include <variant>

#include "api/audit/audit_log.h"
#include "api/auth/token_issuer.h"
#include "api/mfa/mfa.h"
#include "schema/pg/pg.h"

namespace claviger::api {

using LoginAnswer = std::variant<AccessToken, MfaChallenge>;

class LoginFinisher {
 public:
  LoginFinisher(schema::Pool& pool, const TokenIssuer& tokens, Mfa& mfa, const AuditLog& audit)
      : pool_(pool), tokens_(tokens), mfa_(mfa), audit_(audit) {}

  // Locks the person's row in the transaction and says whether what was proven still holds.
  using Confirm = std::function<Result<bool>(schema::Connection&)>;
  // `now` and `valid_from` as for TokenIssuer. nullopt if `confirm` says no, or if the second factor was
  // disabled meanwhile: the login must begin anew.
  Result<std::optional<LoginAnswer>> Finish(const Mfa::Owner& owner, Time now, Time valid_from,
                                            AuditDraft& audit, const Confirm& confirm) const;

 private:
  schema::Pool& pool_;
  const TokenIssuer& tokens_;
  Mfa& mfa_;
  const AuditLog& audit_;
};

}  // namespace claviger::api
