#pragma once
// Vaults: each holds secrets under a KEK of its own, generated inside the HSM with the vault.
//
// The life of a vault: Create asks the HSM for the KEK and commits vault, wrapped KEK and audit record
// together. Delete removes every row of it; without the wrapped KEK not even a backup of the ciphertexts that
// lacks it can be opened again. The node that deletes drops the KEK's handle at once. On other nodes a handle
// stays until it is evicted or the connection to the HSM ends; nothing reaches it, because each use must
// present the very blob that the deleted row held.
//
// Who may see a vault: every person of its organisation; an agent those it made and those in which it has a
// policy that has not expired. Other agents of the organisation get kForbidden; to everyone else it is
// absent. An agent that is bound to vaults gets kForbidden for all others, whether they exist or not, and may
// make none.
//
// Of a vault that an agent makes, the person who made the agent gets a policy for everything in it.
//
// A vault that nobody made is the daemon's own (the identity keys of agents): seen by people, and left alone.

#include <optional>
#include <vector>

#include "api/access/authorize.h"
#include "api/audit/audit_log.h"
#include "api/http/page.h"
#include "api/limits/tier.h"
#include "api/routes.h"
#include "api/vaults/vaults_wire.h"
#include "base/random.h"
#include "crypto/keyring.h"
#include "schema/pg/pg.h"

namespace claviger::api {

class Vaults {
 public:
  Vaults(schema::Pool& pool, crypto::Keyring& keyring, const AuditLog& audit, const Clock& clock,
         Random& random, Tier tier = Tier())
      : pool_(pool),
        keyring_(keyring),
        audit_(audit),
        clock_(clock),
        random_(random),
        tier_(std::move(tier)) {}

  // kConflict if the organisation has a vault of that name, kForbidden if it may have no more.
  Result<Vault> Create(const Principal& principal, CreateVaultRequest request, AuditDraft& audit);

  // What the principal may see, in order of creation, beginning after the vault `after`.
  Result<http::Page<Vault>> List(const Principal& principal, const std::optional<VaultId>& after,
                                 int64_t limit);

  // kNotFound if absent or foreign, kForbidden if hidden from this principal.
  Result<Vault> Get(const Principal& principal, const VaultId& id, AuditDraft& audit);

  // The creator, or an owner or admin of the organisation; else kForbidden.
  Status Delete(const Principal& principal, const VaultId& id, AuditDraft& audit);

 private:
  // What gives the person who made the agent a policy in its new vault; nothing if that person is gone.
  Result<std::vector<schema::Connection::Call>> ShareWithHuman(const Principal& agent, const Vault& vault,
                                                               const AuditDraft& audit);

  schema::Pool& pool_;
  crypto::Keyring& keyring_;
  const AuditLog& audit_;
  const Clock& clock_;
  Random& random_;
  const Tier tier_;
};

// What Authorize must know of a vault of that organisation.
VaultFacts FactsOf(const OrgId& org, const Vault& vault);
// The one answer for a vault that is absent or foreign.
Error VaultNotFound();
// The `vault_id` of a route, noted in the audit record; a malformed one reads exactly as an absent one.
// kForbidden for an agent that is bound to others.
Result<VaultId> VaultIdOf(Context& context);

// createVault, listVaults, getVault, deleteVault. `vaults` must outlive the table.
std::vector<Route> VaultRoutes(Vaults& vaults);

}  // namespace claviger::api
