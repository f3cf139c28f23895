#include "api/vaults/vaults_wire.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace claviger::api {
namespace {

constexpr size_t kMaxUtf8PerChar = 4;

// JSON strings are well-formed UTF-8: every byte but a continuation byte begins a character.
size_t CountChars(std::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; });
}

// C0, DEL and C1 (in UTF-8: C2 80 to C2 9F). They forge lines in logs and terminals, and PostgreSQL cannot
// store NUL.
bool HasControl(std::string_view text, std::string_view allowed) {
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<uint8_t>(text[i]);
    if (byte < 0x20 || byte == 0x7F) {
      if (allowed.find(text[i]) == allowed.npos) return true;
    }
    if (byte == 0xC2 && i + 1 < text.size() && static_cast<uint8_t>(text[i + 1]) < 0xA0) return true;
  }
  return false;
}

}  // namespace

Result<CreateVaultRequest> DecodeCreateVault(std::string_view body) {
  TRY(const auto json, ParseJsonObject(body));
  ObjectReader reader(json);
  CreateVaultRequest request;
  request.name = reader.String("name", 1, kMaxVaultNameChars * kMaxUtf8PerChar);
  std::optional<std::string> description;
  reader.OptionalString("description", 0, kMaxVaultDescriptionBytes, description);
  request.description = description.value_or("");

  if (CountChars(request.name) > kMaxVaultNameChars)
    reader.Refuse("name", "must have at most 255 characters");
  if (HasControl(request.name, "")) reader.Refuse("name", "must not contain control characters");
  if (request.name.starts_with(kReservedVaultPrefix)) {
    reader.Refuse("name", "must not begin with two underscores");
  }
  if (HasControl(request.description, "\t\r\n")) {
    reader.Refuse("description", "must not contain control characters");
  }
  TRYV(reader.Finish());
  return request;
}

Json EncodeCreateVault(const CreateVaultRequest& request) {
  return {{"name", request.name}, {"description", request.description}};
}

Json EncodeVault(const Vault& vault) {
  return {{"id", vault.id.ToString()},
          {"name", vault.name},
          {"description", vault.description},
          {"created_by", FormatUuid(vault.created_by)},
          {"created_by_type", vault.created_by_type},
          {"created_at", FormatTime(vault.created_at)},
          {"cmek_enabled", false}};
}

Result<Vault> DecodeVault(const Json& json) {
  ObjectReader reader(json);
  const auto id = VaultId::Parse(reader.String("id", 36, 36));
  const auto created_by = ParseUuid(reader.String("created_by", 36, 36));
  const auto created_at = ParseTime(reader.String("created_at", 1, 64));
  Vault vault;
  vault.name = reader.String("name", 1, kMaxVaultNameChars * kMaxUtf8PerChar);
  vault.description = reader.String("description", 0, kMaxVaultDescriptionBytes);
  vault.created_by_type = reader.String("created_by_type", 1, 16);
  TRYV(reader.Finish());
  if (!id || !created_by || !created_at) return Invalid("The vault's id, author or time is malformed");
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
