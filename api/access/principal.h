#pragma once
// Who is calling, as proven by a credential.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "crypto/jws.h"

namespace claviger::api {

using crypto::PrincipalType;

class PathTree;

// An auditor reads the organisation's audit log and nothing else of it (api/routes.h, for_auditors).
enum class Role : uint8_t { kMember, kAdmin, kOwner, kAuditor };
const char* Name(Role role);
std::optional<Role> ParseRole(std::string_view name);

struct Principal {
  PrincipalType type = PrincipalType::kUser;
  Uuid id{};
  OrgId org;
  Role role = Role::kMember;
  TokenId token;           // jti of the access token; nil if a key itself was presented
  int64_t expires_at = 0;  // of the credential: seconds since 1970
  KeyId key{};             // the personal API key that was presented or exchanged for the token, else nil
  // Of an agent: the only vaults it may touch; empty if it is not bound.
  std::vector<VaultId> vaults{};
  // Of an agent: transactions may be signed for it, with keys that it may not read itself.
  bool intents = false;
  // Of an agent: the only paths that it may touch in vaults it did not make; null if it is not limited.
  std::shared_ptr<const PathTree> scopes{};

  // A person who looks after the organisation: an admin or an owner.
  bool Manages() const {
    return type == PrincipalType::kUser && (role == Role::kAdmin || role == Role::kOwner);
  }
  std::string Subject() const { return std::string(crypto::Name(type)) + ":" + FormatUuid(id); }
};

}  // namespace claviger::api
