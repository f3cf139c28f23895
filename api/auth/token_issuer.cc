#include "api/auth/token_issuer.h"

#include <algorithm>

#include "api/access/principal.h"
#include "crypto/jws.h"

namespace claviger::api {

Result<AccessToken> TokenIssuer::Issue(const OrgId& org, const UserId& user, Time now,
                                       Time valid_from) const {
  constexpr int64_t kSeconds = crypto::kMaxTokenLifetimeSeconds;
  crypto::TokenClaims claims;
  claims.subject_type = PrincipalType::kUser;
  claims.subject = user.uuid;
  claims.org = org;
  claims.id = TokenId{NewUuidV7(clock_, random_)};
  claims.issued_at = std::max(UnixSeconds(now), UnixSeconds(valid_from));
  claims.expires_at = UnixSeconds(now) + kSeconds;
  claims.scopes = {"*"};
  TRY(auto token, crypto::SignToken(keyring_, issuer_, claims));
  return AccessToken{std::move(token), kSeconds};
}

}  // namespace claviger::api
