#include "cli/vault_name.h"

#include "api/secrets/secrets_wire.h"
#include "base/ids.h"

namespace claviger::cli {
Result<Json> FindVault(ApiClient& api, const std::string& name_or_id) {
  if (ParseUuid(name_or_id)) return api.Get(VaultTarget(name_or_id));
  TRY(Json answer, api.GetList("/v1/vaults", "vaults"));
  TRY(Json vaults, ListOf(std::move(answer), "vaults"));
  for (Json& vault : vaults) {
    if (TextOf(vault, "name") == name_or_id) return std::move(vault);
  }
  return NotFound("There is no vault named " + name_or_id + " that you can see");
}

Result<std::string> FindVaultId(ApiClient& api, const std::string& name_or_id) {
  if (ParseUuid(name_or_id)) return name_or_id;
  TRY(const Json vault, FindVault(api, name_or_id));
  const std::string id = TextOf(vault, "id");
  if (!ParseUuid(id)) return MakeError(ErrorKind::kInternal, "The server's vault has no id");
  return id;
}

std::string VaultTarget(const std::string& vault_id) { return "/v1/vaults/" + EscapeSegment(vault_id); }

std::string SecretTarget(const std::string& vault_id, std::string_view path) {
  std::string target = VaultTarget(vault_id) + "/secrets";
  while (!path.empty()) {
    const size_t slash = path.find('/');
    target += "/" + EscapeSegment(path.substr(0, slash));
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
  }
  return target;
}

std::string CheckSecretPath(const std::string& path) {
  if (api::IsSecretPath(path)) return "";
  return "A secret's path is made of letters, digits, '-' and '_' in segments joined by '/'; it begins and "
         "ends "
         "with a letter or digit";
}

}  // namespace claviger::cli
