#include "cli/duration.h"

#include <charconv>

namespace claviger::cli {
namespace {

constexpr int64_t kMaxSeconds = int64_t{10} * 366 * 86400;

int64_t SecondsPer(char unit) {
  switch (unit) {
    case 's':
      return 1;
    case 'm':
      return 60;
    case 'h':
      return 3600;
    case 'd':
      return 86400;
    default:
      return 0;
  }
}

}  // namespace

std::optional<std::chrono::seconds> ParseDuration(std::string_view text) {
  if (text.size() < 2) return std::nullopt;
  const int64_t unit = SecondsPer(text.back());
  text.remove_suffix(1);
  int64_t count = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (unit == 0 || count <= 0 || count > kMaxSeconds / unit) return std::nullopt;
  return std::chrono::seconds(count * unit);
}

}  // namespace claviger::cli
