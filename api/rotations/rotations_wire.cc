#include "api/rotations/rotations_wire.h"

#include <array>
#include <limits>
#include <nlohmann/json.hpp>

namespace claviger::api {
namespace {

constexpr std::array kStateNames{"pending", "running", "paused", "failed", "done"};

}  // namespace

const char* Name(RotationState state) { return kStateNames[static_cast<size_t>(state)]; }

std::optional<RotationState> ParseRotationState(std::string_view name) {
  for (size_t i = 0; i < kStateNames.size(); ++i) {
    if (name == kStateNames[i]) return static_cast<RotationState>(i);
  }
  return std::nullopt;
}

Json EncodeRotation(const Rotation& rotation) {
  Json json = {{"id", rotation.id.ToString()},
               {"kind", "vault"},
               {"vault_id", rotation.vault.ToString()},
               {"state", Name(rotation.state)},
               {"requested_by", rotation.requested_by},
               {"total", rotation.total},
               {"resealed", rotation.resealed},
               {"created_at", FormatTime(rotation.created_at)},
               {"updated_at", FormatTime(rotation.updated_at)}};
  if (rotation.key_version) json["key_version"] = *rotation.key_version;
  if (!rotation.error.empty()) json["error"] = rotation.error;
  if (rotation.started_at) json["started_at"] = FormatTime(*rotation.started_at);
  if (rotation.finished_at) json["finished_at"] = FormatTime(*rotation.finished_at);
  return json;
}

Json EncodeRotationList(const std::vector<Rotation>& rotations) {
  Json list = Json::array();
  for (const Rotation& rotation : rotations) list.push_back(EncodeRotation(rotation));
  return {{"rotations", std::move(list)}};
}

Result<Rotation> DecodeRotation(const Json& json) {
  ObjectReader reader(json);
  Rotation rotation;
  const auto id = RotationId::Parse(reader.String("id", 36, 36));
  const auto vault = VaultId::Parse(reader.String("vault_id", 36, 36));
  const auto state = ParseRotationState(reader.String("state", 1, 16));
  std::optional<int64_t> key_version, total, resealed;
  reader.OptionalInt("key_version", 1, std::numeric_limits<int32_t>::max(), key_version);
  reader.OptionalInt("total", 0, std::numeric_limits<int64_t>::max(), total);
  reader.OptionalInt("resealed", 0, std::numeric_limits<int64_t>::max(), resealed);
  std::optional<std::string> error;
  reader.OptionalString("error", 1, 1024, error);
  TRYV(reader.Finish());
  if (!id || !vault || !state) return Invalid("The rotation's id, vault or state is malformed");
  rotation.id = *id;
  rotation.vault = *vault;
  rotation.state = *state;
  if (key_version) rotation.key_version = static_cast<uint32_t>(*key_version);
  rotation.total = total.value_or(0);
  rotation.resealed = resealed.value_or(0);
  rotation.error = error.value_or("");
  return rotation;
}

}  // namespace claviger::api
