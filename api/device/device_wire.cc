#include "api/device/device_wire.h"

#include <algorithm>
#include <array>

#include "api/json/secret_json.h"

namespace claviger::api {
namespace {

constexpr size_t kMaxClientIdBytes = 64;
constexpr size_t kMaxDeviceNameBytes = 64;
constexpr size_t kMaxScopeBytes = 256;
constexpr size_t kMaxCredentialBytes = 256;
constexpr size_t kMaxUserCodeBytes = 64;
constexpr size_t kMaxUriBytes = 2048;
constexpr int64_t kShortestTokenSeconds = 60;  // what an answer means that does not say
constexpr std::string_view kDeviceGrant = "urn:ietf:params:oauth:grant-type:device_code";
constexpr std::string_view kRefreshGrant = "refresh_token";

// What people are shown of a device: nothing that could pass for something else.
bool IsClientId(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}
bool IsPrintable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7F; });
}

// RFC 6749 section 3.3: words between single spaces. Those nobody knows are passed over.
bool Names(std::string_view scope, std::string_view wanted) {
  while (!scope.empty()) {
    const std::string_view word = scope.substr(0, scope.find(' '));
    if (word == wanted) return true;
    scope.remove_prefix(std::min(scope.size(), word.size() + 1));
  }
  return false;
}

constexpr std::array kErrors = {DeviceError::kPending, DeviceError::kSlowDown, DeviceError::kDenied,
                                DeviceError::kExpired, DeviceError::kInvalidGrant};

}  // namespace

Result<DeviceCodeRequest> DecodeDeviceCode(std::string_view body) {
  TRY(const auto json, ParseJsonObject(body));
  ObjectReader reader(json);
  DeviceCodeRequest request;
  request.client_id = reader.String("client_id", 1, kMaxClientIdBytes);
  if (!IsClientId(request.client_id)) {
    reader.Refuse("client_id", "must be made of letters, digits, '.', '_' and '-'");
  }
  std::optional<std::string> name;
  reader.OptionalString("device_name", 0, kMaxDeviceNameBytes, name);
  if (name && !IsPrintable(*name)) reader.Refuse("device_name", "must be printable ASCII");
  std::optional<std::string> scope;
  reader.OptionalString("scope", 0, kMaxScopeBytes, scope);
  TRYV(reader.Finish());
  request.device_name = name.value_or("");
  request.offline = Names(scope.value_or(""), kOfflineAccess);
  return request;
}

Json EncodeDeviceCode(const DeviceCodeRequest& request) {
  Json json = {{"client_id", request.client_id}, {"device_name", request.device_name}};
  if (request.offline) json["scope"] = kOfflineAccess;
  return json;
}

SecretBytes EncodeDeviceCodeAnswer(const DeviceCode& code) {
  return DumpSecret({{"device_code", code.device_code.Text()},
                     {"user_code", code.user_code},
                     {"verification_uri", code.verification_uri},
                     {"expires_in", code.expires_in},
                     {"interval", code.interval}});
}

Result<DeviceCode> DecodeDeviceCodeAnswer(const Json& json) {
  ObjectReader reader(json);
  DeviceCode code;
  code.device_code = ReadSecret(reader, "device_code", kMaxCredentialBytes);
  code.user_code = reader.String("user_code", 1, kMaxUserCodeBytes);
  code.verification_uri = reader.String("verification_uri", 1, kMaxUriBytes);
  std::optional<int64_t> expires_in;
  std::optional<int64_t> interval;
  reader.OptionalInt("expires_in", 1, 86400, expires_in);
  reader.OptionalInt("interval", 0, 3600, interval);
  if (!IsPrintable(code.user_code)) reader.Refuse("user_code", "must be printable ASCII");
  if (!IsPrintable(code.verification_uri)) reader.Refuse("verification_uri", "must be printable ASCII");
  TRYV(reader.Finish());
  code.expires_in = expires_in.value_or(kDeviceCodeSeconds);
  code.interval = interval.value_or(5);  // RFC 8628 section 3.2
  return code;
}

Result<DeviceTokenRequest> DecodeDeviceToken(std::string_view body) {
  TRY(const auto json, SecretJson::Parse(body));
  ObjectReader reader(*json);
  DeviceTokenRequest request;
  const std::string grant = reader.String("grant_type", 1, kMaxCredentialBytes);
  if (grant == kRefreshGrant) request.grant = DeviceTokenRequest::Grant::kRefreshToken;
  if (grant != kRefreshGrant && grant != kDeviceGrant) reader.Refuse("grant_type", "is not supported");
  request.credential =
      ReadSecret(reader, grant == kRefreshGrant ? "refresh_token" : "device_code", kMaxCredentialBytes);
  TRYV(reader.Finish());
  return request;
}

SecretBytes EncodeDeviceToken(const DeviceTokenRequest& request) {
  const bool refresh = request.grant == DeviceTokenRequest::Grant::kRefreshToken;
  return DumpSecret({{"grant_type", refresh ? kRefreshGrant : kDeviceGrant},
                     {refresh ? "refresh_token" : "device_code", request.credential.Text()}});
}

const char* Name(DeviceError error) {
  switch (error) {
    case DeviceError::kPending:
      return "authorization_pending";
    case DeviceError::kSlowDown:
      return "slow_down";
    case DeviceError::kDenied:
      return "access_denied";
    case DeviceError::kExpired:
      return "expired_token";
    case DeviceError::kInvalidGrant:
      break;
  }
  return "invalid_grant";
}

SecretBytes EncodeDeviceTokenAnswer(const DeviceTokenAnswer& answer) {
  if (const auto* error = std::get_if<DeviceError>(&answer)) {
    return DumpSecret({{"error", Name(*error)}});
  }
  const auto& grant = std::get<DeviceGrant>(answer);
  Json json = EncodeAccessToken(grant.token);
  json["email"] = grant.email;
  json["user_id"] = grant.user.ToString();
  json["org_id"] = grant.org.ToString();
  if (grant.refresh_token) json["refresh_token"] = grant.refresh_token->Text();
  return DumpSecret(std::move(json));
}

Result<DeviceTokenAnswer> DecodeDeviceTokenAnswer(const Json& json) {
  ObjectReader reader(json);
  std::optional<std::string> error;
  reader.OptionalString("error", 1, 64, error);
  if (error) {
    TRYV(reader.Finish());
    for (const DeviceError known : kErrors) {
      if (*error == Name(known)) return DeviceTokenAnswer(known);
    }
    return Invalid("The server refuses for an unknown reason");
  }
  DeviceGrant grant;
  const auto user = UserId::Parse(reader.String("user_id", 36, 36));
  const auto org = OrgId::Parse(reader.String("org_id", 36, 36));
  grant.email = reader.String("email", 1, kMaxEmailBytes);
  if (reader.Has("refresh_token")) {
    grant.refresh_token = ReadSecret(reader, "refresh_token", kMaxCredentialBytes);
  }
  TRYV(reader.Finish());
  if (!user || !org) return Invalid("The answer holds a malformed id");
  TRY(grant.token, DecodeAccessToken(json));
  if (grant.token.expires_in == 0) grant.token.expires_in = kShortestTokenSeconds;
  grant.user = *user;
  grant.org = *org;
  return DeviceTokenAnswer(std::move(grant));
}

Result<std::string> DecodeDeviceDecision(std::string_view body) {
  TRY(const auto json, ParseJsonObject(body));
  ObjectReader reader(json);
  std::string code = reader.String("user_code", 1, kMaxUserCodeBytes);
  TRYV(reader.Finish());
  return code;
}

const char* Name(DeviceState state) {
  switch (state) {
    case DeviceState::kPending:
      return "pending";
    case DeviceState::kApproved:
      return "approved";
    case DeviceState::kDenied:
      return "denied";
    case DeviceState::kExpired:
      break;
  }
  return "expired";
}

Json EncodeDeviceStatus(const DeviceStatus& status) {
  return {{"user_code", status.user_code},
          {"status", Name(status.state)},
          {"client_id", status.client_id},
          {"expires_at", FormatTime(status.expires_at)}};
}

}  // namespace claviger::api
