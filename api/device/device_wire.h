#pragma once
// Device logins and refresh tokens as JSON: what clients send and get. Shared with the command line. Polls
// are answered with 200 whatever comes of them: shipped clients look for `error` in no other answer.

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "api/auth/auth_wire.h"
#include "api/json/json.h"
#include "base/error.h"
#include "base/secret_bytes.h"

namespace claviger::api {

inline constexpr int64_t kDeviceCodeSeconds = 600;
inline constexpr std::string_view kOfflineAccess = "offline_access";

struct DeviceCodeRequest {
  std::string client_id;    // 1 to 64 of [A-Za-z0-9._-]
  std::string device_name;  // what the device calls itself, printable ASCII; may be empty
  bool offline = false;     // the scope names offline_access: a refresh token is wanted
};
Result<DeviceCodeRequest> DecodeDeviceCode(std::string_view body);
Json EncodeDeviceCode(const DeviceCodeRequest& request);

struct DeviceCode {
  SecretBytes device_code;
  std::string user_code;
  std::string verification_uri;
  int64_t expires_in = kDeviceCodeSeconds;
  int64_t interval = 0;  // seconds between two polls
};
SecretBytes EncodeDeviceCodeAnswer(const DeviceCode& code);
Result<DeviceCode> DecodeDeviceCodeAnswer(const Json& json);

struct DeviceTokenRequest {
  enum class Grant : uint8_t { kDeviceCode, kRefreshToken } grant = Grant::kDeviceCode;
  SecretBytes credential;  // of that kind
};
// kInvalid for other grant types.
Result<DeviceTokenRequest> DecodeDeviceToken(std::string_view body);
SecretBytes EncodeDeviceToken(const DeviceTokenRequest& request);

struct DeviceGrant {
  AccessToken token;
  std::string email;
  UserId user;
  OrgId org;
  std::optional<SecretBytes> refresh_token;  // only for who asked for offline_access
};
enum class DeviceError : uint8_t { kPending, kSlowDown, kDenied, kExpired, kInvalidGrant };
const char* Name(DeviceError error);
using DeviceTokenAnswer = std::variant<DeviceGrant, DeviceError>;
SecretBytes EncodeDeviceTokenAnswer(const DeviceTokenAnswer& answer);
Result<DeviceTokenAnswer> DecodeDeviceTokenAnswer(const Json& json);

// The user_code of an approval or a denial, as it was sent.
Result<std::string> DecodeDeviceDecision(std::string_view body);

enum class DeviceState : uint8_t { kPending, kApproved, kDenied, kExpired };
const char* Name(DeviceState state);
struct DeviceStatus {
  std::string user_code;
  DeviceState state = DeviceState::kPending;
  std::string client_id;
  Time expires_at{};
};
Json EncodeDeviceStatus(const DeviceStatus& status);

}  // namespace claviger::api
