#pragma once
// Refresh tokens: how a device that was approved once stays logged in.
//
// The life of a family: one approval of a device that asked for offline_access begins it. Each refresh gives
// a new access token and a new refresh token, and spends the one that was shown. A token that is shown again
// after it was spent is in two hands: the family ends, with every access token of it. It ends besides with
// the log-out of any of its access tokens, with the account, with a change of the password, after 30 days
// without use and 90 days in all.
//
// An answer can get lost on its way, so the token that was spent last may be shown once more within a minute,
// as long as what it was exchanged for has not been used. Then that successor is spent unseen and another
// takes its place. A thief gains nothing by it: of two parties who both exchange the same token, the one who
// came first holds a spent one, and its next use ends the family.

#include <optional>
#include <string>

#include "api/access/authenticator.h"
#include "api/audit/audit_log.h"
#include "api/auth/token_issuer.h"
#include "api/device/device_wire.h"
#include "api/device/refresh_store.h"
#include "crypto/keyring.h"
#include "schema/pg/pg.h"

namespace claviger::api {

class Refresh {
 public:
  static constexpr std::chrono::days kIdleLife{30};
  static constexpr std::chrono::days kLife{90};
  static constexpr std::chrono::seconds kRepeat{60};
  static constexpr int64_t kFamiliesPerPerson = 32;
  // Twice as many as an access token of fifteen minutes makes necessary.
  static constexpr int32_t kMaxRotations = 20000;

  struct Parts {
    schema::Pool& pool;
    crypto::Keyring& keyring;
    Authenticator& authenticator;
    const TokenIssuer& tokens;
    const AuditLog& audit;
    const Clock& clock;
    Random& random;
  };
  explicit Refresh(const Parts& parts) : parts_(parts) {}

  // For logins. Prepare asks the HSM, Begin belongs in the transaction of the login.
  struct Prepared {
    SecretBytes token;
    crypto::LookupMac mac;
  };
  Result<Prepared> Prepare();
  Status Begin(schema::Connection& connection, const device_store::Waiting& login, const Prepared& prepared,
               const AccessToken& access);

  // kInvalidGrant for a token that is unknown, spent or dead.
  Result<DeviceTokenAnswer> Exchange(const SecretBytes& token, AuditDraft& audit);

 private:
  // nullopt: the turn does not allow this token, and the family must end.
  static std::optional<refresh_store::Turn> NextTurn(const refresh_store::Turn& turn, ByteView shown,
                                                     Time now);
  Result<DeviceTokenAnswer> EndFamily(schema::Connection& connection,
                                      schema::Connection::Transaction& transaction,
                                      const refresh_store::Family& family, Time now, AuditDraft& audit);

  const Parts parts_;
};

}  // namespace claviger::api
