#pragma once
// Access tokens of people, signed in the HSM for 900 s.

#include <string>

#include "api/auth/auth_wire.h"
#include "base/random.h"
#include "crypto/keyring.h"

namespace claviger::api {

class TokenIssuer {
 public:
  TokenIssuer(std::string issuer, crypto::Keyring& keyring, const Clock& clock, Random& random)
      : issuer_(std::move(issuer)), keyring_(keyring), clock_(clock), random_(random) {}

  // `now` was read before the user was; `valid_from` is the user's tokens_valid_from. See auth.h.
  Result<AccessToken> Issue(const OrgId& org, const UserId& user, Time now, Time valid_from) const;

 private:
  const std::string issuer_;
  crypto::Keyring& keyring_;
  const Clock& clock_;
  Random& random_;
};

}  // namespace claviger::api
