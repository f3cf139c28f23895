#include "api/access/authorize.h"

namespace claviger::api {
namespace {

bool IsCreator(const Principal& principal, const VaultFacts& vault) {
  return principal.type == vault.created_by_type && principal.id == vault.created_by;
}

bool MayManage(const Principal& principal) {
  return principal.type == PrincipalType::kUser && principal.role != Role::kMember;
}

}  // namespace

Result<Grant> Authorize(const Principal& principal, Permission permission, const VaultFacts& vault,
                        std::string_view /*path*/) {
  // Nil ids belong to nobody: a half-filled principal or row must never match another one.
  if (principal.org.IsNil() || principal.id.is_nil() || !(principal.org == vault.org)) {
    return NotFound("Vault not found");
  }
  if (IsCreator(principal, vault) || (permission == Permission::kManage && MayManage(principal))) {
    return Grant(vault.org, vault.id, permission);
  }
  return Forbidden("Insufficient permissions");
}

}  // namespace claviger::api
