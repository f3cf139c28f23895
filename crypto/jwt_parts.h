#pragma once
// What all JSON Web Tokens share, ours and those of others (RFC 7515, RFC 7519).

#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

namespace claviger::crypto {

inline constexpr int64_t kClockSkewSeconds = 60;

// The compact serialisation. The three parts are base64url and not decoded yet.
struct JwtParts {
  std::string_view header;
  std::string_view claims;
  std::string_view signed_text;  // header.claims
  std::string_view signature;
};
// nullopt without two dots. A third one would fail base64url later.
std::optional<JwtParts> SplitJwt(std::string_view token);

// The claim if it is an integer without fraction or exponent, from the year 1970 to 9999.
std::optional<int64_t> FindNumericDate(const nlohmann::json& claims, const char* name);
inline constexpr int64_t kEndOfYear9999 = 253402300799;

}  // namespace claviger::crypto
