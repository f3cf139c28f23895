#include "api/customer_keys/customer_keys.h"

#include "api/customer_keys/customer_keys_store.h"
#include "api/rotations/rotations.h"
#include "api/rotations/rotations_store.h"
#include "api/vaults/vaults.h"
#include "api/vaults/vaults_store.h"

namespace claviger::api {
namespace {

Error NotBound() { return NotFound("This vault is under no key of the customer's token"); }

// The vault is locked, so it is there.
Error ExplainInsert(Error error) {
  if (error.sqlstate == "23505") return Conflict("A rotation of this vault is not done yet");
  return error;
}

}  // namespace

Result<Grant> CustomerKeys::Admit(schema::Connection& connection, const Principal& principal,
                                  const VaultId& vault, AuditDraft& audit) const {
  TRY(const auto found, vaults_store::Find(connection, principal.org, vault));
  if (!found) return VaultNotFound();
  return Noted(audit, AuthorizeManager(principal, Permission::kManage, FactsOf(principal.org, *found)));
}

Result<Rotation> CustomerKeys::Change(
    const Principal& principal, const VaultId& vault, AuditDraft& audit,
    const std::function<Status(schema::Connection&, const Grant&)>& change) {
  Rotation rotation;
  rotation.id = RotationId{NewUuidV7(clock_, random_)};
  rotation.org = principal.org;
  rotation.vault = vault;
  rotation.requested_by = principal.Subject();
  rotation.created_at = rotation.updated_at = clock_.Now();
  audit.AddDetail("rotation_id", rotation.id.ToString());

  TRY(auto lease, pool_.Acquire());
  TRY(const auto grant, Admit(*lease, principal, vault, audit));
  TRY(auto transaction, lease->Begin());
  TRY(const bool locked, vaults_store::Lock(*lease, grant));
  if (!locked) return VaultNotFound();
  TRYV(change(*lease, grant));
  if (auto inserted = lease->Run(rotations_store::Insert(rotation)); !inserted) {
    return ExplainInsert(inserted.error());
  }
  TRYV(lease->Run(rotations_store::Prune(principal.org, vault, kKeptRotations)));
  TRYV(audit_.Insert(*lease, audit_.Finish(audit, "success")));
  TRYV(transaction.Commit());
  audit.MarkCommitted();
  return rotation;
}

Result<Rotation> CustomerKeys::Bind(const Principal& principal, const VaultId& vault,
                                    const BindCustomerKeyRequest& request, AuditDraft& audit) {
  audit.AddDetail("token", request.token);
  audit.AddDetail("key", request.key);
  {
    TRY(auto lease, pool_.Acquire());
    TRYV(Admit(*lease, principal, vault, audit));
  }
  const crypto::CustomerKeyId id{NewUuidV7(clock_, random_)};
  TRY(const auto key, Noted(audit, tokens_.Find({principal.org, id, request.token, request.key})));
  return Change(principal, vault, audit, [&](schema::Connection& connection, const Grant& grant) -> Status {
    TRY(const auto now, vaults_store::Find(connection, grant.org(), vault));
    if (now->cmek_fingerprint) {
      return Conflict(
          "This vault is under a customer-managed key that clients hold: it has one or the other");
    }
    TRY(const auto bound, customer_keys_store::Find(connection, grant));
    if (bound && bound->wanted && bound->key.token == key.token && bound->key.label == key.label) {
      return Conflict("The vault is under this key already");
    }
    return customer_keys_store::Want(connection, grant, key, clock_.Now());
  });
}

Result<Rotation> CustomerKeys::Release(const Principal& principal, const VaultId& vault, AuditDraft& audit) {
  return Change(principal, vault, audit, [&](schema::Connection& connection, const Grant& grant) -> Status {
    TRY(const auto bound, customer_keys_store::Find(connection, grant));
    if (!bound || !bound->wanted) return NotBound();
    audit.AddDetail("token", bound->key.token);
    audit.AddDetail("key", bound->key.label);
    return customer_keys_store::Want(connection, grant, std::nullopt, clock_.Now());
  });
}

Result<CustomerKeyStatus> CustomerKeys::Get(const Principal& principal, const VaultId& vault,
                                            AuditDraft& audit) {
  std::optional<customer_keys_store::Bound> bound;
  {
    TRY(auto lease, pool_.Acquire());
    TRY(const auto grant, Admit(*lease, principal, vault, audit));
    TRY(bound, customer_keys_store::Find(*lease, grant));
  }
  if (!bound) return NotBound();
  CustomerKeyStatus status;
  status.vault = vault;
  status.token = bound->key.token;
  status.key = bound->key.label;
  status.state = bound->settled  ? CustomerKeyState::kBound
                 : bound->wanted ? CustomerKeyState::kBinding
                                 : CustomerKeyState::kReleasing;
  status.bound_at = bound->created_at;
  status.rotation = bound->rotation;
  if (const auto usable = tokens_.Check(principal.org, bound->key); !usable) {
    const Error& error = usable.error();
    status.reason = error.kind == ErrorKind::kForbidden ? error.cause : crypto::kCustomerTokenUnreachable;
  }
  return status;
}

}  // namespace claviger::api
