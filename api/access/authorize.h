#pragma once
// The one place that decides what a principal may touch. A store call that touches ciphertext takes a Grant,
// and only Authorize can make one.

#include <string_view>

#include "api/access/permission.h"
#include "api/access/policy_set.h"
#include "api/access/principal.h"
#include "api/audit/audit_draft.h"
#include "base/error.h"

namespace claviger::api {

// What Authorize must know of the vault.
struct VaultFacts {
  OrgId org;
  VaultId id;
  PrincipalType created_by_type = PrincipalType::kUser;
  Uuid created_by{};  // nil: the daemon's own
};

// What it must know of who asks.
struct Asker {
  const Principal& principal;
  Circumstances circumstances;
};

class Grant {
 public:
  const OrgId& org() const { return org_; }
  const VaultId& vault() const { return vault_; }
  Permission permission() const { return permission_; }

 private:
  friend Result<Grant> Authorize(const Asker&, Permission, const VaultFacts&, const PolicySet*,
                                 std::string_view path);
  friend Result<Grant> AuthorizeManager(const Principal&, Permission, const VaultFacts&);
  friend Result<Grant> AuthorizeDaemon(const VaultFacts&);
  Grant(OrgId org, VaultId vault, Permission permission)
      : org_(org), vault_(vault), permission_(permission) {}
  OrgId org_;
  VaultId vault_;
  Permission permission_;
};

// Whether `principal` may read, write, delete or list secrets. A vault of another organisation: kNotFound,
// exactly as an absent one. Every other refusal is kForbidden "Insufficient permissions", with a word for the
// audit log as its cause, and comes before anything is looked up in the vault; in this order:
//
//   "auditor"        an auditor may do nothing, not even with what it made before
//   "vault_binding"  an agent that is bound to other vaults
//                    the creator of the vault may do everything; for all others:
//   "token_scope"    an agent's token (or the agent itself, for its key) is limited to other paths
//   "no_policy"      no policy allows it, here and now
//
// `policies` are those of the vault, null if it has none. `path` is what was asked for, for kList nothing:
// any policy that has not expired lets its holder list, and of the paths only those are shown that MayRead.
Result<Grant> Authorize(const Asker& asker, Permission permission, const VaultFacts& vault,
                        const PolicySet* policies, std::string_view path);

// For somebody who may list the vault.
bool MayRead(const Asker& asker, const VaultFacts& vault, const PolicySet* policies, std::string_view path);

// Whether `principal` may do what is not about single secrets: kManage (delete the vault) or kGrant (its
// policies). Its creator may, and every person who is an owner or admin of the organisation; but a vault of
// the daemon's own stays. Else as Authorize, with the words "auditor", "vault_binding" and
// "not_manager".
Result<Grant> AuthorizeManager(const Principal& principal, Permission permission, const VaultFacts& vault);

// kForbidden for an agent that is bound to other vaults, whatever the id names.
Status CheckBinding(const Principal& principal, const VaultId& vault);

// Who made a vault needs no policy in it.
bool IsCreator(const Principal& principal, const VaultFacts& vault);

// Passes a decision on; the word of a refusal goes into the audit record.
template <class T>
Result<T> Noted(AuditDraft& audit, Result<T> decision) {
  if (!decision && decision.error().kind == ErrorKind::kForbidden) {
    audit.AddDetail("reason", decision.error().cause);
  }
  return decision;
}

// What the daemon itself may do: write into a vault of its own. kInternal for any other.
Result<Grant> AuthorizeDaemon(const VaultFacts& vault);

}  // namespace claviger::api
