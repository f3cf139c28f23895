#pragma once
// Sign-in with an account of an OpenID provider: Google's, or the installation's own.
//
// The client brings an ID token that the provider issued to it. What it proves is the provider's name for the
// person, `sub`: that, with the issuer, is whose account opens, never the address, which may pass to somebody
// else. The first sign-in binds the two, one person of a provider to an account. If an account has the
// (verified) address of the token already, it is bound if its own address was verified here too; otherwise
// whoever made it may not be the owner of the address, and sign-in is refused. If there is none, one is made:
// in the organisation that invited the address (api/org/org.h), which a mail then names; else in one of its
// own, if the configuration lets the provider do so. An account made so has no password.
//
// A second factor enabled here is asked for as after a password.

#include <string>
#include <variant>
#include <vector>

#include "api/audit/audit_log.h"
#include "api/auth/auth.h"
#include "api/mail/mail.h"
#include "api/oidc/oidc_store.h"
#include "api/oidc/provider_keys.h"
#include "api/routes.h"
#include "crypto/id_token.h"

namespace claviger::api {

struct OidcConfig {
  crypto::IdTokenRules rules;              // an empty issuer: not configured
  bool signup = false;                     // who is not invited may make an account, too
  std::vector<std::string> email_domains;  // lower case; whose addresses may make or bind one; empty: all
};

class Oidc {
 public:
  struct Parts {
    schema::Pool& pool;
    ProviderKeys& keys;
    const TokenIssuer& tokens;
    const LoginFinisher& finisher;
    Mail& mail;
    const AuditLog& audit;
    const Clock& clock;
    Random& random;
  };
  Oidc(OidcConfig config, const Parts& parts) : config_(std::move(config)), parts_(parts) {}

  // kInvalid if no provider is configured; kUnauthenticated for the token; kForbidden where the person may
  // not have an account.
  Result<LoginAnswer> Login(const SecretBytes& id_token, AuditDraft& audit);

 private:
  Result<crypto::IdClaims> Verify(std::string_view token, Time now);
  // nullopt if another request made or removed the account meanwhile.
  Result<std::optional<LoginAnswer>> LoginOnce(const crypto::IdClaims& claims, AuditDraft& audit);
  // The address with which an account may be made or bound.
  Result<std::string> UsableEmail(const crypto::IdClaims& claims) const;
  Result<std::optional<LoginAnswer>> SignUp(const crypto::IdClaims& claims, const std::string& email,
                                            Time now, AuditDraft& audit);
  Result<std::optional<LoginAnswer>> LogIn(const oidc_store::Account& account, const crypto::IdClaims& claims,
                                           Time now, AuditDraft& audit);

  const OidcConfig config_;
  const Parts parts_;
};

// googleAuth. `oidc` must outlive the table.
std::vector<Route> OidcRoutes(Oidc& oidc);

}  // namespace claviger::api
