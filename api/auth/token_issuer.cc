#include "api/auth/token_issuer.h"

#include <algorithm>

namespace claviger::api {

Result<AccessToken> TokenIssuer::Issue(const TokenTerms& terms, Time now) const {
  crypto::TokenClaims claims;
  claims.subject_type = terms.type;
  claims.subject = terms.subject;
  claims.org = terms.org;
  claims.id = TokenId{NewUuidV7(clock_, random_)};
  claims.issued_at = std::max(UnixSeconds(now), UnixSeconds(terms.valid_from));
  const int64_t seconds = std::min(terms.seconds, crypto::kMaxTokenLifetimeSeconds);
  claims.expires_at = std::min(UnixSeconds(now) + seconds, terms.end);
  if (claims.expires_at <= claims.issued_at) return Unauthenticated("the credential ends within a second");
  claims.scopes = terms.scopes;
  claims.key = terms.key;
  TRY(auto token, crypto::SignToken(keyring_, issuer_, claims));
  return AccessToken{std::move(token),      claims.expires_at - UnixSeconds(now),        claims.id, terms.org,
                     UserId{terms.subject}, Time{std::chrono::seconds{claims.issued_at}}};
}

Result<AccessToken> TokenIssuer::Issue(const OrgId& org, const UserId& user, Time now,
                                       Time valid_from) const {
  TokenTerms terms;
  terms.subject = user.uuid;
  terms.org = org;
  terms.valid_from = valid_from;
  return Issue(terms, now);
}

}  // namespace claviger::api
