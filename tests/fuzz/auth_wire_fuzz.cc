// Accounts and tokens as JSON, from clients and from servers: what is taken obeys the rules and prints back.
#include <nlohmann/json.hpp>

#include "api/auth/auth_wire.h"
#include "tests/fuzz/require.h"

using namespace claviger;
using namespace claviger::api;
using fuzz::Require;

namespace {

void RequireAddress(const std::string& email) {
  const auto again = NormalizeEmail(email);
  Require(again && again.value() == email, "an address has one form");
}

void RequirePassword(const SecretBytes& password) {
  Require(!password.empty() && password.size() <= kMaxPasswordBytes && IsUtf8(password.Text()),
          "passwords are text within the limit");
}

void CheckSignup(std::string_view text) {
  const auto result = DecodeSignup(text);
  if (!result) return;
  const SignupRequest& request = result.value();
  RequireAddress(request.email);
  RequirePassword(request.password);
  const auto again = DecodeSignup(EncodeSignup(request).Text());
  Require(again && again.value().email == request.email && again.value().password == request.password &&
              again.value().display_name == request.display_name,
          "requests print back");
  const auto login = DecodeLogin(text);
  Require(login && login.value().email == request.email && login.value().password == request.password,
          "who can sign up can log in");
}

void CheckLogin(std::string_view text) {
  const auto result = DecodeLogin(text);
  if (!result) return;
  const LoginRequest& request = result.value();
  RequirePassword(request.password);
  if (!request.email) return;
  RequireAddress(*request.email);
  const auto again = DecodeLogin(EncodeLogin(request).Text());
  Require(again && again.value().email == request.email && again.value().password == request.password,
          "requests print back");
}

void CheckChanges(std::string_view text) {
  if (const auto request = DecodeChangePassword(text)) {
    RequirePassword(request.value().current_password);
    RequirePassword(request.value().new_password);
  }
  const auto update = DecodeUpdateMe(text);
  if (!update || !update.value().display_name) return;
  const std::string& name = *update.value().display_name;
  Require(!name.empty() && IsUtf8(name) && name.find_first_of("\t\r\n\x1B\x7F") == std::string::npos,
          "display names hold no control characters");
}

void CheckAnswers(const Json& json) {
  // A token whose life is unknown has no printed form.
  if (const auto token = DecodeAccessToken(json); token && token.value().expires_in > 0) {
    const auto again = DecodeAccessToken(EncodeAccessToken(token.value()));
    Require(again && again.value().token == token.value().token, "tokens print back");
  }
  if (const auto profile = DecodeProfile(json)) {
    const Json printed = EncodeProfile(profile.value());
    const auto again = DecodeProfile(printed);
    Require(again && EncodeProfile(again.value()) == printed, "profiles print back");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = fuzz::Text(data, size);
  CheckSignup(text);
  CheckLogin(text);
  CheckChanges(text);
  (void)DecodeDeleteMe(text);
  if (const auto json = ParseJson(text)) CheckAnswers(json.value());
  return 0;
}
