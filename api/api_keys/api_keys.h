#pragma once
// Personal API keys: long-lived credentials of a person, for programs.
//
// The life of a key: Create draws it and answers it once; kept is its HMAC under the HSM's lookup key. Its
// owner is told by mail, where mail is sent.
// Presented as a bearer credential, or exchanged for an access token, it stands for its owner with the role
// of that moment (the Authenticator resolves it). It dies with Revoke, with its expiry, with its owner or
// with the organisation; tokens that were given for it die with it, on every node within a second. A revoked
// key stays in the list; only for want of room the oldest dead key goes.

#include <optional>

#include "api/access/authenticator.h"
#include "api/api_keys/api_keys_wire.h"
#include "api/audit/audit_log.h"
#include "api/auth/token_issuer.h"
#include "api/http/page.h"
#include "api/mail/mail.h"
#include "api/routes.h"
#include "base/random.h"
#include "crypto/keyring.h"
#include "schema/pg/pg.h"

namespace claviger::api {

inline constexpr int64_t kMaxApiKeys = 1'000;  // of a person

class ApiKeys {
 public:
  static constexpr int64_t kMailsPerHour = 10;

  struct Parts {
    schema::Pool& pool;
    crypto::Keyring& keyring;
    Authenticator& authenticator;
    const TokenIssuer& tokens;
    Mail& mail;
    const AuditLog& audit;
    const Clock& clock;
    Random& random;
  };
  explicit ApiKeys(const Parts& parts) : parts_(parts) {}

  struct Created {
    ApiKey key;
    SecretBytes text;  // the key itself
  };
  // kConflict if the person has kMaxApiKeys keys that work. Of more than kMailsPerHour keys in an hour no
  // mail tells, or whoever makes many would fill the outbox.
  Result<Created> Create(const Principal& principal, CreateApiKeyRequest request,
                         const http::ClientAddress& client, AuditDraft& audit);

  // The caller's own, revoked ones too, in order of creation, beginning after the key `after`.
  Result<http::Page<ApiKey>> List(const Principal& principal, const std::optional<KeyId>& after,
                                  int64_t limit);

  // kNotFound unless it is the caller's own. Revoking again changes nothing.
  Status Revoke(const Principal& principal, const KeyId& id, AuditDraft& audit);

  // A token for whoever presents a key. kUnauthenticated "Invalid credentials" for every fault of it.
  Result<AccessToken> Exchange(const SecretBytes& key, AuditDraft& audit);

 private:
  Result<std::optional<Mail::Prepared>> PrepareMail(const Principal& principal, const ApiKey& key,
                                                    const http::ClientAddress& client);
  // Returns how many keys the person has made within an hour.
  Result<int64_t> MakeRoom(schema::Connection& connection, const Principal& principal);

  const Parts parts_;
};

// createApiKey, listApiKeys, revokeApiKey, apiKeyToken. Both must outlive the table.
std::vector<Route> ApiKeyRoutes(ApiKeys& keys, const Clock& clock);

}  // namespace claviger::api
