#include "api/json/secret_json.h"

namespace claviger::api {

Result<SecretJson> SecretJson::Parse(std::string_view body) {
  TRY(auto json, ParseJsonObject(body));
  return SecretJson(std::move(json));
}

SecretBytes ReadSecret(ObjectReader& reader, std::string_view name, size_t max_bytes) {
  std::string text = reader.String(name, 1, max_bytes);
  SecretBytes secret{std::string_view(text)};
  Wipe(text.data(), text.size());
  return secret;
}

SecretBytes DumpSecret(Json json) {
  std::string text = DumpJson(json);
  SecretBytes dumped{std::string_view(text)};
  Wipe(text.data(), text.size());
  WipeStrings(json);
  return dumped;
}

}  // namespace claviger::api
