#pragma once
// Sign-in at an OpenID provider as JSON.

#include <string_view>

#include "base/error.h"
#include "base/secret_bytes.h"

namespace claviger::api {

// The `id_token` of a body.
Result<SecretBytes> DecodeIdTokenLogin(std::string_view body);

}  // namespace claviger::api
