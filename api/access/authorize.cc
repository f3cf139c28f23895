#include "api/access/authorize.h"

#include <algorithm>

namespace claviger::api {
namespace {

Error Refuse(const char* word) { return MakeError(ErrorKind::kForbidden, "Insufficient permissions", word); }

// Nil ids belong to nobody: a half-filled principal or row must never match another one.
bool IsOfOrganisation(const Principal& principal, const VaultFacts& vault) {
  return !principal.org.IsNil() && !principal.id.is_nil() && principal.org == vault.org;
}

bool IsInScope(const Principal& principal, std::string_view path) {
  return !principal.scopes || !principal.scopes->Find(PathTree::kRoot, path).empty();
}

bool AllowedByPolicy(const Asker& asker, Permission permission, const PolicySet* policies,
                     std::string_view path) {
  if (policies == nullptr) return false;
  const auto& [principal, circumstances] = asker;
  if (permission == Permission::kList) return policies->Concern(principal, circumstances.now);
  return policies->Allow(principal, circumstances, permission, path);
}

}  // namespace

Result<Grant> Authorize(const Asker& asker, Permission permission, const VaultFacts& vault,
                        const PolicySet* policies, std::string_view path) {
  const Principal& principal = asker.principal;
  if (!IsOfOrganisation(principal, vault)) return NotFound("Vault not found");
  if (principal.role == Role::kAuditor) return Refuse("auditor");
  TRYV(CheckBinding(principal, vault.id));
  if (!IsCreator(principal, vault)) {
    if (permission != Permission::kList && !IsInScope(principal, path)) return Refuse("token_scope");
    if (!AllowedByPolicy(asker, permission, policies, path)) return Refuse("no_policy");
  }
  return Grant(vault.org, vault.id, permission);
}

bool MayRead(const Asker& asker, const VaultFacts& vault, const PolicySet* policies, std::string_view path) {
  return IsCreator(asker.principal, vault) ||
         (IsInScope(asker.principal, path) && AllowedByPolicy(asker, Permission::kRead, policies, path));
}

Result<Grant> AuthorizeManager(const Principal& principal, Permission permission, const VaultFacts& vault) {
  if (!IsOfOrganisation(principal, vault)) return NotFound("Vault not found");
  if (principal.role == Role::kAuditor) return Refuse("auditor");
  TRYV(CheckBinding(principal, vault.id));
  const bool stays = vault.created_by.is_nil() && permission != Permission::kGrant;
  if (IsCreator(principal, vault) || (principal.Manages() && !stays))
    return Grant(vault.org, vault.id, permission);
  return Refuse("not_manager");
}

Status CheckBinding(const Principal& principal, const VaultId& vault) {
  const auto& bound = principal.vaults;
  if (bound.empty() || std::find(bound.begin(), bound.end(), vault) != bound.end()) return Ok();
  return Refuse("vault_binding");
}

bool IsCreator(const Principal& principal, const VaultFacts& vault) {
  return principal.type == vault.created_by_type && principal.id == vault.created_by;
}

Result<Grant> AuthorizeDaemon(const VaultFacts& vault) {
  if (!vault.created_by.is_nil()) return Internal("the vault is not the daemon's own");
  return Grant(vault.org, vault.id, Permission::kWrite);
}

}  // namespace claviger::api
