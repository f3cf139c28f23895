#include "api/cmek/cmek_wire.h"

#include <algorithm>
#include <array>
#include <limits>
#include <nlohmann/json.hpp>

#include "crypto/cmek.h"

namespace claviger::api {
namespace {

constexpr std::array kStatusNames{"running", "completed", "failed"};

Result<crypto::Digest> DecodeFingerprint(std::string_view body, const char* member) {
  TRY(const auto json, ParseJsonObject(body));
  ObjectReader reader(json);
  const auto fingerprint = crypto::ParseFingerprint(reader.String(member, 64, 64));
  if (!fingerprint) reader.Refuse(member, "must be the SHA-256 of the key in 64 hexadecimal digits");
  TRYV(reader.Finish());
  return *fingerprint;
}

std::optional<CmekRotationStatus> ParseStatus(std::string_view name) {
  for (size_t i = 0; i < kStatusNames.size(); ++i) {
    if (name == kStatusNames[i]) return static_cast<CmekRotationStatus>(i);
  }
  return std::nullopt;
}

}  // namespace

const char* Name(CmekRotationStatus status) { return kStatusNames[static_cast<size_t>(status)]; }

Result<crypto::Digest> DecodeEnableCmek(std::string_view body) {
  return DecodeFingerprint(body, "fingerprint");
}

Json EncodeEnableCmek(const crypto::Digest& fingerprint) { return {{"fingerprint", HexEncode(fingerprint)}}; }

Result<crypto::Digest> DecodeRotateCmek(std::string_view body) {
  return DecodeFingerprint(body, "new_fingerprint");
}

Json EncodeRotateCmek(const crypto::Digest& new_fingerprint) {
  return {{"new_fingerprint", HexEncode(new_fingerprint)}};
}

Json EncodeCmekRotation(const CmekRotation& rotation) {
  Json json = {{"id", rotation.id.ToString()},
               {"vault_id", rotation.vault.ToString()},
               {"old_fingerprint", HexEncode(rotation.from)},
               {"new_fingerprint", HexEncode(rotation.to)},
               {"status", Name(rotation.status)},
               // Versions that came meanwhile come on top of those that were counted.
               {"total_secrets", std::max(rotation.total, rotation.processed)},
               {"processed", rotation.processed},
               {"created_at", FormatTime(rotation.created_at)},
               {"started_at", FormatTime(rotation.created_at)}};
  if (!rotation.error.empty()) json["error"] = rotation.error;
  if (rotation.completed_at) json["completed_at"] = FormatTime(*rotation.completed_at);
  return json;
}

Result<CmekRotation> DecodeCmekRotation(const Json& json) {
  ObjectReader reader(json);
  CmekRotation rotation;
  const auto id = RotationId::Parse(reader.String("id", 36, 36));
  const auto vault = VaultId::Parse(reader.String("vault_id", 36, 36));
  const auto status = ParseStatus(reader.String("status", 1, 16));
  std::optional<int64_t> total, processed;
  reader.OptionalInt("total_secrets", 0, std::numeric_limits<int64_t>::max(), total);
  reader.OptionalInt("processed", 0, std::numeric_limits<int64_t>::max(), processed);
  std::optional<std::string> error;
  reader.OptionalString("error", 1, 1024, error);
  TRYV(reader.Finish());
  if (!id || !vault || !status) return Invalid("The rotation's id, vault or status is malformed");
  rotation.id = *id;
  rotation.vault = *vault;
  rotation.status = *status;
  rotation.total = total.value_or(0);
  rotation.processed = processed.value_or(0);
  rotation.error = error.value_or("");
  return rotation;
}

}  // namespace claviger::api
