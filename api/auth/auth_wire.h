#pragma once
// Accounts and access tokens as JSON: what clients send and get. Shared with the command line.

#include <optional>
#include <string>
#include <string_view>

#include "api/json/json.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/ids.h"
#include "base/secret_bytes.h"

namespace claviger::api {

inline constexpr size_t kMaxEmailBytes = 254;        // RFC 5321 section 4.5.3.1.3, less the angle brackets
inline constexpr size_t kMaxDisplayNameChars = 255;  // Unicode code points, at least one
inline constexpr size_t kMaxPasswordBytes = 1024;
inline constexpr std::string_view kDeleteConfirmation = "DELETE MY ACCOUNT";

// The one form of an address that is stored and compared: lower case. Only ASCII addresses of the plain form
// local@domain are taken: no spaces, comments, quotes or address literals; nothing is trimmed.
Result<std::string> NormalizeEmail(std::string_view text);

// 1 to 255 characters, no control characters.
bool IsDisplayName(const std::string& text);

struct SignupRequest {
  std::string email;  // normalised
  SecretBytes password;
  std::string display_name;  // default: the address's local part
};
Result<SignupRequest> DecodeSignup(std::string_view body);
SecretBytes EncodeSignup(const SignupRequest& request);

struct LoginRequest {
  std::optional<std::string> email;  // normalised; absent: what was sent can be no account's address
  SecretBytes password;
};
Result<LoginRequest> DecodeLogin(std::string_view body);
SecretBytes EncodeLogin(const LoginRequest& request);

struct ChangePasswordRequest {
  SecretBytes current_password;
  SecretBytes new_password;
};
Result<ChangePasswordRequest> DecodeChangePassword(std::string_view body);

// Absent: stays as it is.
struct UpdateMeRequest {
  std::optional<std::string> display_name;
  std::optional<bool> marketing_emails;
};
Result<UpdateMeRequest> DecodeUpdateMe(std::string_view body);

// Ok if the body's `confirmation` (or `confirm`) is kDeleteConfirmation.
Status DecodeDeleteMe(std::string_view body);

struct AccessToken {
  std::string token;
  int64_t expires_in = 0;  // seconds
  // What stands in it. Not part of an answer, and not there after decoding one.
  TokenId id;
  OrgId org;
  UserId user;
  Time issued_at{};
};
// Exactly access_token, token_type, expires_in: shipped clients refuse further members.
Json EncodeAccessToken(const AccessToken& token);
Result<AccessToken> DecodeAccessToken(const Json& json);
// A token response with `email` and `message` besides.
Json EncodeSignedUp(const AccessToken& token, std::string_view email);

struct Profile {
  UserId id;
  OrgId org;
  std::string email;
  std::string display_name;
  std::string auth_method;
  std::string role;
  bool email_verified = false;
  bool marketing_emails = false;
  bool totp_enabled = false;
  Time created_at{};
};
Json EncodeProfile(const Profile& profile);
Result<Profile> DecodeProfile(const Json& json);

}  // namespace claviger::api
