#pragma once
// One-time passwords of RFC 6238 with what every authenticator app can do: HMAC-SHA-1, six digits, steps of
// 30 seconds since 1970.

#include <optional>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "base/secret_bytes.h"

namespace claviger::crypto {

inline constexpr size_t kTotpSecretBytes = 20;  // what RFC 4226 section 4 recommends
inline constexpr int64_t kTotpStepSeconds = 30;

// Six ASCII digits and nothing else: no spaces, no digits of other scripts.
bool IsTotpCode(std::string_view text);

// The step whose code this is: the one of `now` or one next to it, and newer than `last_accepted`. nullopt if
// there is none. Compares in constant time.
Result<std::optional<int64_t>> MatchTotp(const SecretBytes& secret, Time now, int64_t last_accepted,
                                         std::string_view code);

// RFC 4648 in upper case, as authenticator apps take secrets; whole groups of five bytes only, hence without
// padding.
Result<SecretBytes> Base32(ByteView bytes);

}  // namespace claviger::crypto
