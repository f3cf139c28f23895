#include "api/signup/signup_wire.h"

#include "api/json/secret_json.h"

namespace claviger::api {
namespace {

constexpr size_t kMaxTokenBytes = 256;

}  // namespace

Result<SecretBytes> DecodeVerifyEmail(std::string_view body) {
  TRY(const auto json, SecretJson::Parse(body));
  ObjectReader reader(*json);
  SecretBytes token = ReadSecret(reader, "token", kMaxTokenBytes);
  TRYV(reader.Finish());
  return token;
}

SecretBytes EncodeVerifyEmail(const SecretBytes& token) { return DumpSecret({{"token", token.Text()}}); }

Json EncodeSignupAsked(std::string_view email, bool invited_only) {
  return {{"email", email},
          {"message", invited_only ? "Signup is for the invited: if you are, a mail says how to go on"
                                   : "Look into your mail: it says how to go on"}};
}

}  // namespace claviger::api
