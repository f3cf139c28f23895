#pragma once
// Opaque credentials that this installation hands out: API keys, mail links, device codes. What is handed out
// is random; what is stored is its HMAC under the HSM's lookup key, so that a copy of the database can
// neither be used nor guessed at without the HSM.

#include <string_view>

#include "base/random.h"
#include "base/secret_bytes.h"
#include "crypto/keyring.h"

namespace claviger::crypto {

// `prefix` and 43 characters of unpadded base64url: 32 random bytes.
SecretBytes NewCredential(std::string_view prefix, Random& random);
// True for texts of that form, and for no other spelling of the same bytes.
bool HasCredentialForm(std::string_view prefix, std::string_view text);

// 32 bytes, to be stored and looked up. `purpose`, such as "claviger/api-key/1", keeps credentials of one
// kind from being taken for another's. May block on the HSM.
Result<Bytes> CredentialMac(Keyring& keyring, std::string_view purpose, std::string_view credential);

}  // namespace claviger::crypto
