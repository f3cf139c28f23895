#pragma once
// People who are signed in at a page. A session is good for one decision within ten minutes of the sign-in
// that it rests on, so that every decision has a password, and a second factor where there is one, of its
// own. It dies as access tokens do: with the account, and with a change of the password.

#include <optional>
#include <string>

#include "api/access/principal.h"
#include "api/auth/auth_wire.h"
#include "api/pages/visitor.h"
#include "crypto/keyring.h"
#include "schema/pg/pg.h"

namespace claviger::api::pages {

inline constexpr std::chrono::minutes kSessionLife{10};

struct Session {
  Principal principal;
  std::string email;
  Time signed_in_at{};  // as the `iat` of a token: never before the last change of the password
  Bytes mac;            // of the cookie, as it is stored
};

class Sessions {
 public:
  Sessions(schema::Pool& pool, crypto::Keyring& keyring, const Clock& clock, Random& random)
      : pool_(pool), keyring_(keyring), clock_(clock), random_(random) {}

  // For whoever got this token by logging in a moment ago; the token itself is given to nobody. The new
  // cookie of their browser.
  Result<SecretBytes> Open(const AccessToken& token);
  // nullopt if the cookie is nobody's, or not any more.
  Result<std::optional<Session>> Find(const std::optional<SecretBytes>& cookie);
  // Inside the transaction of the decision; false if another one spent it, or it is gone.
  static Result<bool> Spend(schema::Connection& connection, const Session& session);

 private:
  schema::Pool& pool_;
  crypto::Keyring& keyring_;
  const Clock& clock_;
  Random& random_;
};

}  // namespace claviger::api::pages
