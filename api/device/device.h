#pragma once
// Device logins (RFC 8628): a program without a browser of its own gets a login that a person approves in
// one.
//
// The life of a device login: Start makes two codes, of which only HMACs stay. The device code is a
// credential, and only who started the login has it. The user code is short, shown by the device and typed by
// a person who has signed in at a page (or holds a token); they see what asks, from where and since when, and
// decide. The device polls meanwhile, and the first poll after an approval gets tokens in the approver's
// name, once: the row goes in the transaction that writes the audit record. After ten minutes it is over.
//
// An approval is as good as the tokens of that moment: a change of the password after it makes it void, and
// so do the refresh tokens that began with it (api/device/refresh.h). An approval by the API in the very
// second of that change counts as before it.
//
// Guesses at user codes have budgets. A device that polls too fast is told so (api/device/poll_pace.h), if it
// can understand that: as shipped clients cannot, who never ask for offline_access, they are told to wait on.

#include <string>
#include <vector>

#include "api/access/principal.h"
#include "api/audit/audit_log.h"
#include "api/auth/token_issuer.h"
#include "api/device/device_store.h"
#include "api/device/device_wire.h"
#include "api/device/refresh.h"
#include "api/limits/guess_budgets.h"
#include "api/pages/sessions.h"
#include "api/routes.h"
#include "crypto/keyring.h"
#include "schema/pg/pg.h"

namespace claviger::api {

class Device {
 public:
  static constexpr device_store::Bounds kBounds{.per_address = 64, .in_all = 10'000};

  struct Parts {
    schema::Pool& pool;
    crypto::Keyring& keyring;
    const TokenIssuer& tokens;
    Refresh& refresh;
    const AuditLog& audit;
    GuessBudgets& guesses;
    const Clock& clock;
    Random& random;
  };
  explicit Device(const Parts& parts) : parts_(parts) {}

  // From whom a request is, as people are shown it.
  struct Origin {
    std::string address;
    std::string user_agent;  // printable ASCII, at most 256 bytes
    std::string page;        // where its user code can be typed
  };
  // kUnavailable if too many logins wait.
  Result<DeviceCode> Start(const DeviceCodeRequest& request, const Origin& origin, AuditDraft& audit);
  Result<DeviceTokenAnswer> Poll(const SecretBytes& device_code, AuditDraft& audit);

  // What somebody types, and from where (ClientAddress::Group).
  struct TypedCode {
    std::string_view text;
    std::string client;
  };
  // What a user code stands for; kNotFound if it is malformed, unknown or expired, kTooMany when the guesses
  // are used up.
  Result<DeviceStatus> StatusOf(const TypedCode& code, AuditDraft& audit);
  struct Asking {
    std::string user_code;
    device_store::Asking what;
  };
  Result<Asking> Look(const TypedCode& code, AuditDraft& audit);

  // `asked_at`: read before the principal was authenticated. With a page's session the decision spends it.
  // kForbidden for who comes with an API key, or with a token that came of one: a login would outlive it.
  // kNotFound and kTooMany as StatusOf; kInvalid if somebody has decided; kUnauthenticated if the session is
  // spent.
  struct Decision {
    DeviceState state = DeviceState::kDenied;  // or kApproved
    const pages::Session* session = nullptr;
  };
  Result<DeviceState> Decide(const Principal& principal, const TypedCode& code, const Decision& decision,
                             Time asked_at, AuditDraft& audit);

 private:
  Result<bool> Insert(const device_store::NewLogin& login, AuditDraft& audit);
  Result<DeviceTokenAnswer> Redeem(const device_store::Waiting& waiting, Time now, AuditDraft& audit);
  Result<Asking> Find(const TypedCode& code, AuditDraft& audit);
  Result<Asking> FindByCode(std::string code);

  const Parts parts_;
};

// deviceCode, deviceToken, deviceCodeStatus, deviceApprove, deviceDeny. `public_url`: where people find the
// pages; empty: where the device found the server. All else outlives the table.
std::vector<Route> DeviceRoutes(Device& device, Refresh& refresh, std::string public_url, const Clock& clock);

}  // namespace claviger::api
