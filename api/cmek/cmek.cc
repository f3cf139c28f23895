#include "api/cmek/cmek.h"

#include "api/access/authorize.h"
#include "api/cmek/cmek_store.h"
#include "api/vaults/vaults.h"
#include "api/vaults/vaults_store.h"

namespace claviger::api {
namespace {

constexpr int64_t kKeptRotations = 10;

Error NotEnabled() { return Invalid("This vault has no customer-managed key"); }

// In this order, so that what is wrong first is told first.
Status CheckKeys(const Vault& vault, const Cmek::Keys& keys) {
  if (!vault.cmek_fingerprint) return NotEnabled();
  if (!keys.from || !keys.to) {
    return Invalid("The headers x-cmek-old-key and x-cmek-new-key must each be base64 of a key of 32 bytes");
  }
  const auto from = keys.from->Fingerprint();
  const auto to = keys.to->Fingerprint();
  if (from != *vault.cmek_fingerprint) return Invalid("The old key is not this vault's");
  if (to != keys.new_fingerprint) return Invalid("new_fingerprint is not that of the new key");
  if (from == to) return Invalid("The new key is the old one");
  return Ok();
}

Error ExplainInsert(Error error) {
  if (error.sqlstate == "23505") return Conflict("A rotation of this vault is not done yet");
  return error;
}

}  // namespace

Result<Cmek::Target> Cmek::Find(schema::Connection& connection, const Principal& principal, const VaultId& id,
                                AuditDraft& audit) const {
  TRY(auto vault, vaults_store::Find(connection, principal.org, id));
  if (!vault) return VaultNotFound();
  TRY(const auto grant,
      Noted(audit, AuthorizeManager(principal, Permission::kManage, FactsOf(principal.org, *vault))));
  return Target{*std::move(vault), grant};
}

Result<Cmek::Target> Cmek::Change(const Principal& principal, const VaultId& id, AuditDraft& audit,
                                  const std::function<Status(schema::Connection&, Target&)>& change) {
  TRY(auto lease, pool_.Acquire());
  TRY(const auto found, Find(*lease, principal, id, audit));
  TRY(auto transaction, lease->Begin());
  TRY(const bool locked, vaults_store::Lock(*lease, found.grant));
  if (!locked) return VaultNotFound();
  TRY(auto target, Find(*lease, principal, id, audit));  // as it is now
  TRYV(change(*lease, target));
  TRYV(audit_.Insert(*lease, audit_.Finish(audit, "success")));
  TRYV(transaction.Commit());
  audit.MarkCommitted();
  return target;
}

Result<Vault> Cmek::Enable(const Principal& principal, const VaultId& vault,
                           const crypto::Digest& fingerprint, AuditDraft& audit) {
  audit.AddDetail("fingerprint", HexEncode(fingerprint));
  TRY(auto target,
      Change(principal, vault, audit, [&](schema::Connection& connection, Target& found) -> Status {
        if (found.vault.cmek_fingerprint) {
          return Invalid("This vault has a customer-managed key already; exchange it by a rotation");
        }
        if (found.vault.has_customer_key) {
          return Conflict("This vault is under a key of the customer's token: it has one or the other");
        }
        found.vault.cmek_fingerprint = fingerprint;
        return vaults_store::SetCmek(connection, found.grant, fingerprint);
      }));
  return std::move(target.vault);
}

Result<Vault> Cmek::Disable(const Principal& principal, const VaultId& vault, AuditDraft& audit) {
  TRY(auto target,
      Change(principal, vault, audit, [&](schema::Connection& connection, Target& found) -> Status {
        if (!found.vault.cmek_fingerprint) return NotEnabled();
        TRY(const bool running, cmek_store::IsRunning(connection, found.grant.org(), vault));
        if (running) return Conflict("A rotation of this vault's customer-managed key is running");
        audit.AddDetail("fingerprint", HexEncode(*found.vault.cmek_fingerprint));
        found.vault.cmek_fingerprint = std::nullopt;
        return vaults_store::SetCmek(connection, found.grant, std::nullopt);
      }));
  return std::move(target.vault);
}

Result<CmekRotation> Cmek::Rotate(const Principal& principal, const VaultId& vault, Keys keys,
                                  AuditDraft& audit) {
  CmekRotation rotation;
  rotation.id = RotationId{NewUuidV7(clock_, random_)};
  rotation.org = principal.org;
  rotation.vault = vault;
  rotation.created_at = clock_.Now();
  CmekRunner::Place place;
  TRY(const auto target,
      Change(principal, vault, audit, [&](schema::Connection& connection, Target& found) -> Status {
        TRYV(CheckKeys(found.vault, keys));
        rotation.from = *found.vault.cmek_fingerprint;
        rotation.to = keys.new_fingerprint;
        place = runner_.Reserve();
        if (!place) return Unavailable("as many rotations of customer-managed keys run as may");
        audit.AddDetail("rotation_id", rotation.id.ToString());
        audit.AddDetail("old_fingerprint", HexEncode(rotation.from));
        audit.AddDetail("new_fingerprint", HexEncode(rotation.to));
        TRY(const auto counts,
            secrets_store::CountCmek(connection, found.grant, {rotation.from, rotation.to}));
        rotation.total = counts.under_old + counts.readable_under_other;
        const auto inserted = cmek_store::Insert(connection, rotation, principal.Subject(), runner_.node());
        if (!inserted) return ExplainInsert(inserted.error());
        return cmek_store::Prune(connection, rotation.org, vault, kKeptRotations);
      }));
  runner_.Run({std::move(place), target.grant, rotation, *std::move(keys.from), *std::move(keys.to)});
  return rotation;
}

Result<CmekRotation> Cmek::GetRotation(const Principal& principal, const VaultId& vault, const RotationId& id,
                                       AuditDraft& audit) {
  TRY(auto lease, pool_.Acquire());
  TRYV(Find(*lease, principal, vault, audit));
  TRY(const auto rotation, cmek_store::Find(*lease, principal.org, vault, id));
  if (!rotation) return NotFound("Rotation not found");
  return *rotation;
}

}  // namespace claviger::api
