#pragma once
// A PEM file that names a key instead of holding it, in the form that pkcs11-provider writes and reads: label
// "PKCS#11 PROVIDER URI" around SEQUENCE { VisibleString "PKCS#11 Provider URI v1.0", UTF8String uri }.

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace claviger::crypto::provider {

inline constexpr size_t kMaxUriBytes = 2048;
inline constexpr size_t kMaxUriPemBytes = 64 * 1024;

// The URI of the first such block among any other text; nullopt if there is none, or it is malformed.
std::optional<std::string> UriOfPem(std::string_view text);
std::optional<std::string> UriOfDer(ByteView der);

// Empty for a URI of no or too many bytes.
std::string PemOfUri(std::string_view uri);

}  // namespace claviger::crypto::provider
