#pragma once
// Customer-managed keys, held by clients: values are sealed before they are sent, and the daemon knows of the
// key only its fingerprint (crypto/cmek.h has the form).
//
// The life of a key: Enable names it to the vault; from then on what is written must look as if sealed with
// it, and is marked so, version by version. What was written before stays as it was. Reads return such a
// value untouched. Rotate exchanges the key with the help of the daemon, which is handed both keys for that
// time (cmek_runner.h tells what it does); of one vault one rotation runs at a time, of whatever kind.
// Disable ends the marking and changes nothing that is there.
//
// For people who may manage the vault: its creator, and owners and admins of the organisation.

#include <functional>
#include <optional>

#include "api/audit/audit_log.h"
#include "api/cmek/cmek_runner.h"
#include "api/cmek/cmek_wire.h"
#include "api/routes.h"
#include "api/vaults/vaults_wire.h"
#include "base/random.h"
#include "crypto/cmek.h"
#include "schema/pg/pg.h"

namespace claviger::api {

class Cmek {
 public:
  Cmek(schema::Pool& pool, CmekRunner& runner, const AuditLog& audit, const Clock& clock, Random& random)
      : pool_(pool), runner_(runner), audit_(audit), clock_(clock), random_(random) {}

  // kNotFound, here and below, if the organisation has no such vault; kForbidden for who may not manage it.
  // kInvalid if the vault has a key already: it is exchanged by Rotate. kConflict if it is under a key of the
  // customer's token (api/customer_keys).
  Result<Vault> Enable(const Principal& principal, const VaultId& vault, const crypto::Digest& fingerprint,
                       AuditDraft& audit);
  // kInvalid if the vault has no key, kConflict while one of its rotations runs.
  Result<Vault> Disable(const Principal& principal, const VaultId& vault, AuditDraft& audit);

  struct Keys {
    std::optional<crypto::CmekKey> from;  // nullopt: not given, or not a key
    std::optional<crypto::CmekKey> to;
    crypto::Digest new_fingerprint{};
  };
  // kInvalid if the vault has no key, or these keys are not its key and the announced one; kConflict if a
  // rotation of the vault is not done yet, kUnavailable if this node runs as many as it may.
  Result<CmekRotation> Rotate(const Principal& principal, const VaultId& vault, Keys keys, AuditDraft& audit);
  // kNotFound also if the vault has no such rotation. Of those that have ended the ten newest stay.
  Result<CmekRotation> GetRotation(const Principal& principal, const VaultId& vault, const RotationId& id,
                                   AuditDraft& audit);

 private:
  struct Target {
    Vault vault;
    Grant grant;
  };
  Result<Target> Find(schema::Connection& connection, const Principal& principal, const VaultId& id,
                      AuditDraft& audit) const;
  // Runs `change` on the vault while nobody else changes it, and commits with the audit record.
  Result<Target> Change(const Principal& principal, const VaultId& id, AuditDraft& audit,
                        const std::function<Status(schema::Connection&, Target&)>& change);

  schema::Pool& pool_;
  CmekRunner& runner_;
  const AuditLog& audit_;
  const Clock& clock_;
  Random& random_;
};

// enableCmek, disableCmek, rotateCmek, getCmekRotationJob. `cmek` must outlive the table.
std::vector<Route> CmekRoutes(Cmek& cmek);

}  // namespace claviger::api
