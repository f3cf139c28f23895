#pragma once
// The one place that decides what a principal may touch. A store call that touches ciphertext takes a Grant,
// and only Authorize can make one.

#include <string_view>

#include "api/access/principal.h"
#include "base/error.h"

namespace claviger::api {

enum class Permission : uint8_t { kRead, kWrite, kDelete, kList, kManage };

// What Authorize must know of the vault.
struct VaultFacts {
  OrgId org;
  VaultId id;
  PrincipalType created_by_type = PrincipalType::kUser;
  Uuid created_by{};  // nil: the daemon's own
};

class Grant {
 public:
  const OrgId& org() const { return org_; }
  const VaultId& vault() const { return vault_; }
  Permission permission() const { return permission_; }

 private:
  friend Result<Grant> Authorize(const Principal&, Permission, const VaultFacts&, std::string_view path);
  friend Result<Grant> AuthorizeDaemon(const VaultFacts&);
  Grant(OrgId org, VaultId vault, Permission permission)
      : org_(org), vault_(vault), permission_(permission) {}
  OrgId org_;
  VaultId vault_;
  Permission permission_;
};

// A vault of another organisation: kNotFound, exactly as an absent one. An agent that is bound to other
// vaults: kForbidden, before anything else is looked at. For now only the creator may do anything with
// secrets; kManage (delete the vault) also an owner or admin of the organisation, unless the vault is the
// daemon's own. An auditor may do nothing, not even what it made before. Else kForbidden "Insufficient
// permissions". `path` is the secret's normal form, empty for the vault itself.
Result<Grant> Authorize(const Principal& principal, Permission permission, const VaultFacts& vault,
                        std::string_view path);

// kForbidden for an agent that is bound to other vaults, whatever the id names.
Status CheckBinding(const Principal& principal, const VaultId& vault);

// What the daemon itself may do: write into a vault of its own. kInternal for any other.
Result<Grant> AuthorizeDaemon(const VaultFacts& vault);

}  // namespace claviger::api
