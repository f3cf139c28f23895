#pragma once
// Signup by mail as JSON: what clients send and get. What they send to sign up is in auth_wire.h. Shared with
// the command line.

#include <string_view>

#include "api/json/json.h"
#include "base/error.h"
#include "base/secret_bytes.h"

namespace claviger::api {

// The token of the mail.
Result<SecretBytes> DecodeVerifyEmail(std::string_view body);
SecretBytes EncodeVerifyEmail(const SecretBytes& token);

// The same for every address of a server.
Json EncodeSignupAsked(std::string_view email, bool invited_only);

}  // namespace claviger::api
