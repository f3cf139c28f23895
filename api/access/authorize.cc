#include "api/access/authorize.h"

#include <algorithm>

namespace claviger::api {
namespace {

bool IsCreator(const Principal& principal, const VaultFacts& vault) {
  return principal.type == vault.created_by_type && principal.id == vault.created_by;
}

bool MayManage(const Principal& principal, const VaultFacts& vault) {
  return !vault.created_by.is_nil() && principal.Manages();
}

}  // namespace

Result<Grant> Authorize(const Principal& principal, Permission permission, const VaultFacts& vault,
                        std::string_view /*path*/) {
  // Nil ids belong to nobody: a half-filled principal or row must never match another one.
  if (principal.org.IsNil() || principal.id.is_nil() || !(principal.org == vault.org)) {
    return NotFound("Vault not found");
  }
  if (principal.role == Role::kAuditor) return Forbidden("Insufficient permissions");
  TRYV(CheckBinding(principal, vault.id));
  if (IsCreator(principal, vault) || (permission == Permission::kManage && MayManage(principal, vault))) {
    return Grant(vault.org, vault.id, permission);
  }
  return Forbidden("Insufficient permissions");
}

Status CheckBinding(const Principal& principal, const VaultId& vault) {
  const auto& bound = principal.vaults;
  if (bound.empty() || std::find(bound.begin(), bound.end(), vault) != bound.end()) return Ok();
  return Forbidden("Insufficient permissions");
}

Result<Grant> AuthorizeDaemon(const VaultFacts& vault) {
  if (!vault.created_by.is_nil()) return Internal("the vault is not the daemon's own");
  return Grant(vault.org, vault.id, Permission::kWrite);
}

}  // namespace claviger::api
