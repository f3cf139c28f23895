#pragma once
// Secret values on their way in and out. JSON carries text only, so a value that is not UTF-8 text without
// NUL travels as Base64 and its metadata says so in the member `claviger_encoding`.

#include "api/secrets/secrets_wire.h"
#include "base/error.h"
#include "base/secret_bytes.h"

namespace claviger::cli {

// Takes one trailing "\n" or "\r\n" away.
void TrimLineEnd(SecretBytes& bytes);

// Moves the value into the request, and notes in the request's metadata an encoding if one was needed.
Status EncodeValue(SecretBytes value, api::PutSecretRequest& request);

// The exact bytes that were put. kInternal if they are marked as Base64 but are not. `encoding`: what the
// metadata says, or "".
Result<SecretBytes> DecodeValue(api::Secret secret);
Result<SecretBytes> DecodeValue(SecretBytes value, std::string_view encoding);

}  // namespace claviger::cli
