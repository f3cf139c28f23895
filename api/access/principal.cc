#include "api/access/principal.h"

#include <cstdlib>

namespace claviger::api {

const char* Name(Role role) {
  switch (role) {
    case Role::kMember:
      return "member";
    case Role::kAdmin:
      return "admin";
    case Role::kOwner:
      return "owner";
    case Role::kAuditor:
      return "auditor";
  }
  std::abort();
}

std::optional<Role> ParseRole(std::string_view name) {
  for (const Role role : {Role::kMember, Role::kAdmin, Role::kOwner, Role::kAuditor}) {
    if (name == Name(role)) return role;
  }
  return std::nullopt;
}

}  // namespace claviger::api
