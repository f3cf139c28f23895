#include "api/api_keys/api_keys_wire.h"

#include "api/json/secret_json.h"
#include "api/json/text_rules.h"

namespace claviger::api {

Result<CreateApiKeyRequest> DecodeCreateApiKey(std::string_view body, Time now) {
  TRY(const auto json, ParseJsonObject(body));
  ObjectReader reader(json);
  CreateApiKeyRequest request;
  request.name = ReadName(reader, "name");
  std::optional<std::vector<std::string>> scopes;
  reader.OptionalStrings("scopes", kMaxScopes, kMaxScopeBytes, scopes);
  reader.OptionalTime("expires_at", request.expires_at);
  if (request.expires_at && *request.expires_at <= now) reader.Refuse("expires_at", "must lie in the future");
  TRYV(reader.Finish());
  request.scopes = std::move(scopes).value_or(std::vector<std::string>());
  return request;
}

Json EncodeCreateApiKey(const CreateApiKeyRequest& request) {
  Json json = {{"name", request.name}, {"scopes", request.scopes}};
  if (request.expires_at) json["expires_at"] = FormatTime(*request.expires_at);
  return json;
}

Json EncodeApiKey(const ApiKey& key) {
  Json json = {{"id", key.id.ToString()},    {"name", key.name},
               {"key_prefix", key.prefix},   {"scopes", key.scopes},
               {"is_active", key.is_active}, {"created_at", FormatTime(key.created_at)}};
  if (key.expires_at) json["expires_at"] = FormatTime(*key.expires_at);
  if (key.last_used_at) json["last_used_at"] = FormatTime(*key.last_used_at);
  return json;
}

std::string EncodeApiKeyCreated(const ApiKey& key, const SecretBytes& text) {
  Json json = {{"key", EncodeApiKey(key)}, {"api_key", text.Text()}};
  std::string body = DumpJson(json);
  WipeStrings(json);
  return body;
}

Json EncodeApiKeyList(const std::vector<ApiKey>& keys) {
  Json list = Json::array();
  for (const ApiKey& key : keys) list.push_back(EncodeApiKey(key));
  return {{"keys", std::move(list)}};
}

Result<SecretBytes> DecodeApiKeyToken(std::string_view body) {
  TRY(const auto json, SecretJson::Parse(body));
  ObjectReader reader(*json);
  SecretBytes key = ReadSecret(reader, "api_key", kMaxKeyBytes);
  TRYV(reader.Finish());
  return key;
}

}  // namespace claviger::api
