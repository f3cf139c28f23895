#pragma once
// Vaults as JSON: what clients send and get. Shared with the command line.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/json/json.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/ids.h"
#include "crypto/digest.h"

namespace claviger::api {

// Of the names of vaults that the daemon makes itself.
inline constexpr std::string_view kReservedVaultPrefix = "__";

struct CreateVaultRequest {
  std::string name;
  std::string description;
};
// kInvalid unless the body is an object whose `name` is 1 to 255 characters, holds no control characters and
// does not begin with the reserved prefix. `description` may hold line breaks and tabs, no other controls.
Result<CreateVaultRequest> DecodeCreateVault(std::string_view body);
Json EncodeCreateVault(const CreateVaultRequest& request);

// A vault as everyone who may see it sees it. Shipped clients refuse unknown members: nothing may be added to
// the encoded form.
struct Vault {
  VaultId id;
  std::string name;
  std::string description;
  std::string created_by_type;  // "user" or "agent"
  Uuid created_by{};
  Time created_at{};
  // Of the key under which clients seal values before they write them; nullopt: they do not.
  std::optional<crypto::Digest> cmek_fingerprint;
  // Its data keys are to lie under a key on the customer's token (api/customer_keys). Not encoded.
  bool has_customer_key = false;
};
Json EncodeVault(const Vault& vault);
Result<Vault> DecodeVault(const Json& json);
Json EncodeVaultList(const std::vector<Vault>& vaults);

}  // namespace claviger::api
