#include "daemon/manifest.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "api/json/json.h"
#include "crypto/digest.h"
#include "hsm/key_ceremony.h"

namespace claviger::daemon {
namespace {

using api::Json;
using crypto::SigningKey;

constexpr std::string_view kFormat = "claviger-manifest/1";
constexpr size_t kCheckBytes = 8;
constexpr size_t kMaxKeys = 256;
constexpr size_t kMaxNameBytes = 64;

std::string CheckValue(ByteView bytes) { return HexEncode(bytes.first(kCheckBytes)); }

Status AddSigningKeys(crypto::Keyring& keyring, SigningKey which, std::vector<KeyCheck>& checks) {
  TRY(const auto keys, keyring.PublicKeys(which));
  for (const auto& key : keys) checks.push_back({key.kid, CheckValue(crypto::Sha256(key.raw))});
  return Ok();
}

bool IsCheck(const std::string& text) {
  const auto bytes = HexDecode(text);
  return bytes && bytes->size() == kCheckBytes;
}

Result<KeyCheck> DecodeKey(const Json& json) {
  const bool shaped = json.is_object() && json.size() == 2 && json.contains("name") &&
                      json.contains("check") && json["name"].is_string() && json["check"].is_string();
  if (!shaped) return Invalid("the manifest names a key in another form");
  KeyCheck key{json["name"], json["check"]};
  if (key.name.empty() || key.name.size() > kMaxNameBytes || !IsCheck(key.check)) {
    return Invalid("the manifest names a key in another form");
  }
  return key;
}

}  // namespace

Result<std::vector<KeyCheck>> CheckValues(crypto::Keyring& keyring,
                                          const std::vector<crypto::WrappedKek>& system_keks) {
  std::vector<KeyCheck> checks;
  for (const auto& kek : system_keks) {
    checks.push_back({hsm::RootKeyName(kek.root_version), CheckValue(crypto::Sha256(kek.check))});
  }
  TRY(const auto mac, keyring.Mac(AsBytes("claviger/check-value/1")));
  checks.push_back({"claviger-lookup", CheckValue(mac.bytes)});
  TRYV(AddSigningKeys(keyring, SigningKey::kToken, checks));
  TRYV(AddSigningKeys(keyring, SigningKey::kAudit, checks));
  TRYV(AddSigningKeys(keyring, SigningKey::kTls, checks));
  std::sort(checks.begin(), checks.end(),
            [](const KeyCheck& one, const KeyCheck& other) { return one.name < other.name; });
  return checks;
}

std::string EncodeManifest(const Manifest& manifest) {
  Json json = {{"format", kFormat},
               {"schema", manifest.schema},
               {"checkpoint", manifest.checkpoint},
               {"keys", Json::array()}};
  for (const auto& key : manifest.keys) json["keys"].push_back({{"name", key.name}, {"check", key.check}});
  return json.dump(2) + "\n";
}

Result<Manifest> DecodeManifest(std::string_view text) {
  TRY(const Json json, api::ParseJson(text));
  const bool shaped = json.is_object() && json.size() == 4 && json.contains("format") &&
                      json["format"] == kFormat && json.contains("schema") &&
                      json["schema"].is_number_unsigned() && json.contains("checkpoint") &&
                      json["checkpoint"].is_number_unsigned() && json.contains("keys") &&
                      json["keys"].is_array() && json["keys"].size() <= kMaxKeys;
  if (!shaped) return Invalid(fmt::format("not a manifest of the form {}", kFormat));
  Manifest manifest{json["schema"], json["checkpoint"], {}};
  for (const Json& each : json["keys"]) {
    TRY(auto key, DecodeKey(each));
    manifest.keys.push_back(std::move(key));
  }
  return manifest;
}

}  // namespace claviger::daemon
