#include "api/oidc/oidc_wire.h"

#include "api/json/secret_json.h"
#include "crypto/id_token.h"

namespace claviger::api {

Result<SecretBytes> DecodeIdTokenLogin(std::string_view body) {
  TRY(const auto json, SecretJson::Parse(body));
  ObjectReader reader(*json);
  SecretBytes token = ReadSecret(reader, "id_token", crypto::kMaxIdTokenBytes);
  TRYV(reader.Finish());
  return token;
}

}  // namespace claviger::api
