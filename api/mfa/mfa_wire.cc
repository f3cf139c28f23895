#include "api/mfa/mfa_wire.h"

#include "api/auth/auth_wire.h"
#include "api/json/secret_json.h"

namespace claviger::api {
namespace {

constexpr size_t kMaxTokenBytes = 256;
constexpr size_t kMaxCodeBytes = 64;

std::optional<SecretBytes> ReadOptionalSecret(ObjectReader& reader, std::string_view name, size_t max_bytes) {
  if (!reader.Has(name)) return std::nullopt;
  return ReadSecret(reader, name, max_bytes);
}

}  // namespace

SecretBytes EncodeMfaChallenge(const MfaChallenge& challenge) {
  return DumpSecret({{"access_token", ""},
                     {"token_type", "Bearer"},
                     {"expires_in", kMfaTokenSeconds},
                     {"mfa_required", true},
                     {"mfa_token", challenge.token.Text()}});
}

std::optional<MfaChallenge> DecodeMfaChallenge(const Json& json) {
  ObjectReader reader(json);
  std::optional<bool> required;
  reader.OptionalBool("mfa_required", required);
  if (!required.value_or(false)) return std::nullopt;
  MfaChallenge challenge{ReadSecret(reader, "mfa_token", kMaxTokenBytes)};
  if (!reader.Finish()) return std::nullopt;
  return challenge;
}

Json EncodeMfaStatus(bool enabled) { return {{"enabled", enabled}}; }

SecretBytes EncodeMfaSetup(const MfaSetup& setup) {
  return DumpSecret({{"otpauth_uri", setup.otpauth_uri.Text()}, {"secret", setup.secret.Text()}});
}

SecretBytes EncodeRecoveryCodes(const std::vector<SecretBytes>& codes) {
  Json list = Json::array();
  for (const auto& code : codes) list.push_back(code.Text());
  Json answer = Json::object();
  answer["recovery_codes"] = std::move(list);
  return DumpSecret(std::move(answer));
}

Result<MfaVerifyRequest> DecodeMfaVerify(std::string_view body) {
  TRY(const auto json, SecretJson::Parse(body));
  ObjectReader reader(*json);
  MfaVerifyRequest request;
  request.mfa_token = ReadSecret(reader, "mfa_token", kMaxTokenBytes);
  request.code = ReadSecret(reader, "code", kMaxCodeBytes);
  TRYV(reader.Finish());
  return request;
}

SecretBytes EncodeMfaVerify(const MfaVerifyRequest& request) {
  return DumpSecret({{"mfa_token", request.mfa_token.Text()}, {"code", request.code.Text()}});
}

Result<SecretBytes> DecodeMfaVerifySetup(std::string_view body) {
  TRY(const auto json, SecretJson::Parse(body));
  ObjectReader reader(*json);
  SecretBytes code = ReadSecret(reader, "code", kMaxCodeBytes);
  TRYV(reader.Finish());
  return code;
}

SecretBytes EncodeMfaVerifySetup(const SecretBytes& code) { return DumpSecret({{"code", code.Text()}}); }

Result<MfaDisableRequest> DecodeMfaDisable(std::string_view body) {
  TRY(const auto json, SecretJson::Parse(body));
  ObjectReader reader(*json);
  MfaDisableRequest request;
  request.code = ReadOptionalSecret(reader, "code", kMaxCodeBytes);
  request.password = ReadOptionalSecret(reader, "password", kMaxPasswordBytes);
  if (!request.code && !request.password) reader.Refuse("code", "or 'password' must be given");
  TRYV(reader.Finish());
  return request;
}

SecretBytes EncodeMfaDisable(const MfaDisableRequest& request) {
  Json json = Json::object();
  if (request.code) json["code"] = request.code->Text();
  if (request.password) json["password"] = request.password->Text();
  return DumpSecret(std::move(json));
}

}  // namespace claviger::api
