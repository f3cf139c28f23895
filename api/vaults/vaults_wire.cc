#include "api/vaults/vaults_wire.h"

#include <nlohmann/json.hpp>

#include "api/json/text_rules.h"
#include "crypto/cmek.h"

namespace claviger::api {
Result<CreateVaultRequest> DecodeCreateVault(std::string_view body) {
  TRY(const auto json, ParseJsonObject(body));
  ObjectReader reader(json);
  CreateVaultRequest request;
  request.name = ReadName(reader, "name");
  std::optional<std::string> description;
  ReadOptionalDescription(reader, "description", description);
  request.description = description.value_or("");
  if (request.name.starts_with(kReservedVaultPrefix)) {
    reader.Refuse("name", "must not begin with two underscores");
  }
  TRYV(reader.Finish());
  return request;
}

Json EncodeCreateVault(const CreateVaultRequest& request) {
  return {{"name", request.name}, {"description", request.description}};
}

Json EncodeVault(const Vault& vault) {
  Json json = {{"id", vault.id.ToString()},
               {"name", vault.name},
               {"description", vault.description},
               {"created_by", FormatUuid(vault.created_by)},
               {"created_by_type", vault.created_by_type},
               {"created_at", FormatTime(vault.created_at)},
               {"cmek_enabled", vault.cmek_fingerprint.has_value()}};
  if (vault.cmek_fingerprint) json["cmek_fingerprint"] = HexEncode(*vault.cmek_fingerprint);
  return json;
}

Result<Vault> DecodeVault(const Json& json) {
  ObjectReader reader(json);
  const auto id = VaultId::Parse(reader.String("id", 36, 36));
  const auto created_by = ParseUuid(reader.String("created_by", 36, 36));
  const auto created_at = ParseTime(reader.String("created_at", 1, 64));
  Vault vault;
  vault.name = reader.String("name", 1, kMaxNameBytes);
  vault.description = reader.String("description", 0, kMaxDescriptionBytes);
  vault.created_by_type = reader.String("created_by_type", 1, 16);
  std::optional<std::string> fingerprint;
  reader.OptionalString("cmek_fingerprint", 1, 64, fingerprint);
  if (fingerprint) vault.cmek_fingerprint = crypto::ParseFingerprint(*fingerprint);
  TRYV(reader.Finish());
  if (!id || !created_by || !created_at || vault.cmek_fingerprint.has_value() != fingerprint.has_value()) {
    return Invalid("The vault's id, author, time or fingerprint is malformed");
  }
  vault.id = *id;
  vault.created_by = *created_by;
  vault.created_at = *created_at;
  return vault;
}

Json EncodeVaultList(const std::vector<Vault>& vaults) {
  Json list = Json::array();
  for (const Vault& vault : vaults) list.push_back(EncodeVault(vault));
  return {{"vaults", std::move(list)}};
}

}  // namespace claviger::api
