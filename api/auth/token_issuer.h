#pragma once
// Makes access tokens for those who have proven who they are: signed in the HSM, for 900 s at most.

#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "api/auth/auth_wire.h"
#include "base/random.h"
#include "crypto/jws.h"
#include "crypto/keyring.h"

namespace claviger::api {

// Whom a token is for, and for how long at most.
struct TokenTerms {
  crypto::PrincipalType type = crypto::PrincipalType::kUser;
  Uuid subject{};
  OrgId org;
  std::vector<std::string> scopes = {"*"};
  std::optional<KeyId> key{};
  Time valid_from{};  // older tokens of the subject are dead
  int64_t seconds = crypto::kMaxTokenLifetimeSeconds;
  int64_t end = std::numeric_limits<int64_t>::max();  // seconds since 1970: no token outlives its credential
};

class TokenIssuer {
 public:
  TokenIssuer(std::string issuer, crypto::Keyring& keyring, const Clock& clock, Random& random)
      : issuer_(std::move(issuer)), keyring_(keyring), clock_(clock), random_(random) {}

  // kUnauthenticated if the credential ends at once.
  Result<AccessToken> Issue(const TokenTerms& terms, Time now) const;
  // `now` was read before the user was; `valid_from` is the user's tokens_valid_from. See auth.h.
  Result<AccessToken> Issue(const OrgId& org, const UserId& user, Time now, Time valid_from) const;

 private:
  const std::string issuer_;
  crypto::Keyring& keyring_;
  const Clock& clock_;
  Random& random_;
};

}  // namespace claviger::api
