#pragma once
// Vaults and secrets as a person names them, and as the API addresses them.

#include <string>
#include <string_view>

#include "base/error.h"
#include "cli/api_client.h"

namespace claviger::cli {

// Accepts an id or a name (an id wins). kNotFound if no vault of that name is visible.
Result<Json> FindVault(ApiClient& api, const std::string& name_or_id);
Result<std::string> FindVaultId(ApiClient& api, const std::string& name_or_id);

// "/v1/vaults/{id}" and "/v1/vaults/{id}/secrets/{path}" with each segment escaped.
std::string VaultTarget(const std::string& vault_id);
std::string SecretTarget(const std::string& vault_id, std::string_view path);

// "" for a well-formed path, else the rule it breaks (what the command line parser wants of a check).
std::string CheckSecretPath(const std::string& path);

}  // namespace claviger::cli
