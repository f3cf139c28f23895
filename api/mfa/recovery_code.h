#pragma once
// Recovery codes: 50 random bits each, as "xxxxx-xxxxx" in lower-case base32, for somebody without their
// device.

#include <optional>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/random.h"
#include "base/secret_bytes.h"
#include "crypto/credential.h"

namespace claviger::api {

inline constexpr size_t kRecoveryCodes = 8;

Result<std::vector<SecretBytes>> NewRecoveryCodes(Random& random);

// The one form of a code that is handed out, from it or the same without hyphen or in upper case; nullopt for
// anything else.
std::optional<SecretBytes> NormalizeRecoveryCode(std::string_view text);

// What is stored of a code in its normal form: an HMAC by the HSM that holds for this person alone.
Result<crypto::LookupMac> RecoveryCodeMac(crypto::Keyring& keyring, const UserId& user,
                                          const SecretBytes& code);
// What may be stored of it.
Result<crypto::LookupMacs> RecoveryCodeMacs(crypto::Keyring& keyring, const UserId& user,
                                            const SecretBytes& code);

}  // namespace claviger::api
