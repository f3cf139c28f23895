#include "api/auth/auth_wire.h"

#include <algorithm>

#include "api/json/secret_json.h"

namespace claviger::api {
namespace {

constexpr size_t kMaxUtf8PerChar = 4;

void ReadDisplayName(ObjectReader& reader, std::optional<std::string>& out) {
  reader.OptionalString("display_name", 1, kMaxDisplayNameChars * kMaxUtf8PerChar, out);
  if (out && !IsDisplayName(*out)) {
    reader.Refuse("display_name", "must be 1 to 255 characters without control characters");
  }
}

}  // namespace

bool IsDisplayName(const std::string& text) {
  const auto characters = std::count_if(text.begin(), text.end(),
                                        [](char c) { return (static_cast<uint8_t>(c) & 0xC0) != 0x80; });
  const bool printable = std::all_of(text.begin(), text.end(),
                                     [](char c) { return static_cast<uint8_t>(c) >= 0x20 && c != 0x7F; });
  return printable && characters >= 1 && static_cast<size_t>(characters) <= kMaxDisplayNameChars;
}

Result<SignupRequest> DecodeSignup(std::string_view body) {
  TRY(const auto json, SecretJson::Parse(body));
  ObjectReader reader(*json);
  SignupRequest request;
  const std::string email = reader.String("email", 3, kMaxEmailBytes);
  request.password = ReadSecret(reader, "password", kMaxPasswordBytes);
  std::optional<std::string> display_name;
  ReadDisplayName(reader, display_name);
  TRYV(reader.Finish());
  TRY(request.email, NormalizeEmail(email));
  request.display_name = display_name.value_or(request.email.substr(0, request.email.find('@')));
  return request;
}

SecretBytes EncodeSignup(const SignupRequest& request) {
  return DumpSecret(Json{{"email", request.email},
                         {"password", request.password.Text()},
                         {"display_name", request.display_name}});
}

Result<LoginRequest> DecodeLogin(std::string_view body) {
  TRY(const auto json, SecretJson::Parse(body));
  ObjectReader reader(*json);
  LoginRequest request;
  const std::string email = reader.String("email", 1, kMaxPasswordBytes);
  request.password = ReadSecret(reader, "password", kMaxPasswordBytes);
  TRYV(reader.Finish());
  auto normalised = NormalizeEmail(email);
  if (normalised.has_value()) request.email = std::move(normalised).value();
  return request;
}

SecretBytes EncodeLogin(const LoginRequest& request) {
  return DumpSecret(Json{{"email", request.email.value_or("")}, {"password", request.password.Text()}});
}

Result<ChangePasswordRequest> DecodeChangePassword(std::string_view body) {
  TRY(const auto json, SecretJson::Parse(body));
  ObjectReader reader(*json);
  ChangePasswordRequest request;
  request.current_password = ReadSecret(reader, "current_password", kMaxPasswordBytes);
  request.new_password = ReadSecret(reader, "new_password", kMaxPasswordBytes);
  TRYV(reader.Finish());
  return request;
}

Result<UpdateMeRequest> DecodeUpdateMe(std::string_view body) {
  TRY(const auto json, ParseJsonObject(body));
  ObjectReader reader(json);
  UpdateMeRequest request;
  ReadDisplayName(reader, request.display_name);
  reader.OptionalBool("marketing_emails", request.marketing_emails);
  TRYV(reader.Finish());
  return request;
}

Status DecodeDeleteMe(std::string_view body) {
  TRY(const auto json, ParseJsonObject(body));
  ObjectReader reader(json);
  std::optional<std::string> confirmation;
  reader.OptionalString(reader.Has("confirmation") ? "confirmation" : "confirm", 0, 64, confirmation);
  TRYV(reader.Finish());
  if (confirmation != kDeleteConfirmation) {
    return Invalid("Field 'confirmation' must be \"" + std::string(kDeleteConfirmation) + "\"");
  }
  return Ok();
}

Json EncodeAccessToken(const AccessToken& token) {
  return {{"access_token", token.token}, {"token_type", "Bearer"}, {"expires_in", token.expires_in}};
}

Result<AccessToken> DecodeAccessToken(const Json& json) {
  ObjectReader reader(json);
  AccessToken token;
  token.token = reader.String("access_token", 1, 8192);
  std::optional<int64_t> expires_in;
  reader.OptionalInt("expires_in", 1, 86400, expires_in);
  TRYV(reader.Finish());
  token.expires_in = expires_in.value_or(0);
  return token;
}

Json EncodeSignedUp(const AccessToken& token, std::string_view email) {
  Json json = EncodeAccessToken(token);
  json["email"] = email;
  json["message"] = "Account created";
  return json;
}

Json EncodeProfile(const Profile& profile) {
  return {{"id", profile.id.ToString()},
          {"org_id", profile.org.ToString()},
          {"email", profile.email},
          {"display_name", profile.display_name},
          {"auth_method", profile.auth_method},
          {"role", profile.role},
          {"email_verified", profile.email_verified},
          {"marketing_emails", profile.marketing_emails},
          {"totp_enabled", profile.totp_enabled},
          {"created_at", FormatTime(profile.created_at)}};
}

Result<Profile> DecodeProfile(const Json& json) {
  ObjectReader reader(json);
  Profile profile;
  const auto id = UserId::Parse(reader.String("id", 36, 36));
  const auto org = OrgId::Parse(reader.String("org_id", 36, 36));
  profile.email = reader.String("email", 1, kMaxEmailBytes);
  profile.display_name = reader.String("display_name", 1, kMaxDisplayNameChars * kMaxUtf8PerChar);
  profile.auth_method = reader.String("auth_method", 1, 64);
  profile.role = reader.String("role", 1, 64);
  std::optional<bool> email_verified;
  std::optional<bool> marketing_emails;
  std::optional<bool> totp_enabled;
  std::optional<Time> created_at;
  reader.OptionalBool("email_verified", email_verified);
  reader.OptionalBool("marketing_emails", marketing_emails);
  reader.OptionalBool("totp_enabled", totp_enabled);
  reader.OptionalTime("created_at", created_at);
  TRYV(reader.Finish());
  if (!id || !org) return Invalid("The profile holds a malformed id");
  profile.id = *id;
  profile.org = *org;
  profile.email_verified = email_verified.value_or(false);
  profile.marketing_emails = marketing_emails.value_or(false);
  profile.totp_enabled = totp_enabled.value_or(false);
  profile.created_at = created_at.value_or(Time{});
  return profile;
}

}  // namespace claviger::api
