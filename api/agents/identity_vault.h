#pragma once
// The vault `__agent-keys` of an organisation, in which the private identity keys of its agents lie as
// ordinary secrets. The daemon makes it with the first agent. Nobody is its creator: nobody may read it
// without a policy, which owners and admins of the organisation make, and nobody may remove it.

#include <vector>

#include "api/access/authorize.h"
#include "api/audit/audit_log.h"
#include "base/random.h"
#include "crypto/identity_keys.h"
#include "crypto/keyring.h"
#include "schema/pg/pg.h"

namespace claviger::api {

class IdentityVault {
 public:
  IdentityVault(schema::Pool& pool, crypto::Keyring& keyring, const AuditLog& audit, const Clock& clock,
                Random& random)
      : pool_(pool), keyring_(keyring), audit_(audit), clock_(clock), random_(random) {}

  struct Keys {
    crypto::IdentityKey ssh;   // Ed25519
    crypto::IdentityKey ecdh;  // P-256
  };
  // What stores the private keys of a new agent, and makes the vault if it is not there yet; to be committed
  // together with the agent. kConflict at that commit: somebody else made the vault meanwhile.
  Result<std::vector<schema::Connection::Call>> StoreCalls(const Principal& author, const AgentId& agent,
                                                           const Keys& keys, const AuditDraft& audit);

 private:
  struct Place {
    VaultFacts vault;
    crypto::WrappedKek kek;
  };
  Result<std::optional<Place>> Find(const OrgId& org);
  // Appends what makes it.
  Result<Place> Make(const OrgId& org, const AuditDraft& audit, std::vector<schema::Connection::Call>& calls);

  schema::Pool& pool_;
  crypto::Keyring& keyring_;
  const AuditLog& audit_;
  const Clock& clock_;
  Random& random_;
};

}  // namespace claviger::api
