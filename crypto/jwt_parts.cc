#include "crypto/jwt_parts.h"

namespace claviger::crypto {

std::optional<JwtParts> SplitJwt(std::string_view token) {
  const size_t first = token.find('.');
  if (first == std::string_view::npos) return std::nullopt;
  const size_t second = token.find('.', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  return JwtParts{token.substr(0, first), token.substr(first + 1, second - first - 1),
                  token.substr(0, second), token.substr(second + 1)};
}

std::optional<int64_t> FindNumericDate(const nlohmann::json& claims, const char* name) {
  const auto found = claims.find(name);
  if (found == claims.end() || !found->is_number_unsigned()) return std::nullopt;
  const auto value = found->get<uint64_t>();
  if (value > static_cast<uint64_t>(kEndOfYear9999)) return std::nullopt;
  return static_cast<int64_t>(value);
}

}  // namespace claviger::crypto
