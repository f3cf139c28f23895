#pragma once
// Customer-managed keys, held by the customer's HSM: a vault whose data keys lie under a key on a token of
// the organisation's own, besides the vault's KEK. Without that token nobody opens anything in the vault, not
// even who has this installation's HSM and its database.
//
// The life of such a key: Bind tries it and makes it the vault's, and begins a rotation of the vault's KEK
// (api/rotations): the new KEK goes with the key, and so does in the end whatever the vault holds. Another
// key comes the same way. Release begins the rotation that leads back to a KEK alone; it needs the key once
// more. Nothing that could open a secret without the token is kept anywhere, so what the customer takes away
// in the HSM counts at the next read, on every node; what is given back likewise.
//
// For people who may manage the vault: its creator, and owners and admins of the organisation. A vault has
// this kind of key, or that of api/cmek, or none.

#include <functional>

#include "api/access/authorize.h"
#include "api/audit/audit_log.h"
#include "api/customer_keys/customer_keys_wire.h"
#include "api/routes.h"
#include "base/random.h"
#include "crypto/customer_tokens.h"
#include "schema/pg/pg.h"

namespace claviger::api {

class CustomerKeys {
 public:
  CustomerKeys(schema::Pool& pool, crypto::CustomerTokens& tokens, const AuditLog& audit, const Clock& clock,
               Random& random)
      : pool_(pool), tokens_(tokens), audit_(audit), clock_(clock), random_(random) {}

  // kNotFound, here and below, if the organisation has no such vault; kForbidden for who may not manage it.
  // kInvalid if the organisation has no such token, or the key is too weak; kForbidden if the key is not to
  // be used, as reads would be refused; kConflict if the vault has that very key, or a customer-managed key
  // that clients hold, or a rotation of it is not done.
  Result<Rotation> Bind(const Principal& principal, const VaultId& vault,
                        const BindCustomerKeyRequest& request, AuditDraft& audit);

  // kNotFound also if the vault has no such key; kConflict if a rotation of it is not done.
  Result<Rotation> Release(const Principal& principal, const VaultId& vault, AuditDraft& audit);

  // Asks the token. kNotFound also if the vault has no such key.
  Result<CustomerKeyStatus> Get(const Principal& principal, const VaultId& vault, AuditDraft& audit);

 private:
  Result<Grant> Admit(schema::Connection& connection, const Principal& principal, const VaultId& vault,
                      AuditDraft& audit) const;
  // Checks and changes with the vault locked; then begins its rotation, all with one audit record.
  Result<Rotation> Change(const Principal& principal, const VaultId& vault, AuditDraft& audit,
                          const std::function<Status(schema::Connection&, const Grant&)>& change);

  schema::Pool& pool_;
  crypto::CustomerTokens& tokens_;
  const AuditLog& audit_;
  const Clock& clock_;
  Random& random_;
};

// bindCustomerKey, releaseCustomerKey, getCustomerKey. `keys` must outlive the table.
std::vector<Route> CustomerKeyRoutes(CustomerKeys& keys);

}  // namespace claviger::api
