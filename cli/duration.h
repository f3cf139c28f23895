#pragma once
#include <chrono>
#include <optional>
#include <string_view>

namespace claviger::cli {

// "90s", "15m", "24h", "30d": a whole number above 0 and one unit, up to ten years; nullopt otherwise.
std::optional<std::chrono::seconds> ParseDuration(std::string_view text);

}  // namespace claviger::cli
