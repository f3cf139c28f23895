#pragma once
// Who is calling, as proven by a credential.

#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "crypto/jws.h"

namespace claviger::api {

using crypto::PrincipalType;

enum class Role : uint8_t { kMember, kAdmin, kOwner };
const char* Name(Role role);
std::optional<Role> ParseRole(std::string_view name);

struct Principal {
  PrincipalType type = PrincipalType::kUser;
  Uuid id{};
  OrgId org;
  Role role = Role::kMember;
  TokenId token;                 // jti of the access token
  int64_t token_expires_at = 0;  // seconds since 1970

  std::string Subject() const { return std::string(crypto::Name(type)) + ":" + FormatUuid(id); }
};

}  // namespace claviger::api
