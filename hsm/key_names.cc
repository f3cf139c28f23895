#include "hsm/key_names.h"

#include <fmt/format.h>

#include <charconv>

namespace claviger::hsm {

std::string KeyLabel(std::string_view role, uint32_t version) { return fmt::format("{}-v{}", role, version); }

std::optional<uint32_t> KeyVersion(std::string_view role, std::string_view label) {
  if (label.size() > role.size() + 11) return std::nullopt;
  uint32_t version = 0;
  const size_t digits = role.size() + 2;
  if (label.size() <= digits) return std::nullopt;
  const auto parsed = std::from_chars(label.data() + digits, label.data() + label.size(), version);
  if (parsed.ec != std::errc{} || version == 0 || label != KeyLabel(role, version)) return std::nullopt;
  return version;
}

}  // namespace claviger::hsm
