#include "crypto/phc.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace claviger::crypto {
namespace {

bool TakePrefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

bool TakeNumber(std::string_view& text, uint32_t& out) {
  if (text.empty() || text.front() < '1' || text.front() > '9') return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc{}) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}

std::string UnpaddedBase64(ByteView bytes) {
  std::string text = Base64Encode(bytes);
  text.erase(std::find(text.begin(), text.end(), '='), text.end());
  return text;
}

template <size_t N>
bool FromUnpaddedBase64(std::string_view text, std::array<uint8_t, N>& out) {
  if (text.size() != (N * 8 + 5) / 6) return false;
  std::string padded(text);
  padded.append((4 - padded.size() % 4) % 4, '=');
  const auto bytes = Base64Decode(padded);
  if (!bytes || bytes->size() != N) return false;
  std::copy(bytes->begin(), bytes->end(), out.begin());
  return true;
}

}  // namespace

bool IsBounded(const Argon2Cost& cost) {
  return cost.memory_kib <= 1024 * 1024 && cost.passes >= 1 && cost.passes <= 16 && cost.lanes >= 1 &&
         cost.lanes <= 16 && cost.memory_kib >= 8 * cost.lanes;
}

std::string FormatPhc(const PasswordHash& hash) {
  return fmt::format("$argon2id$v=19$m={},t={},p={}${}${}", hash.cost.memory_kib, hash.cost.passes,
                     hash.cost.lanes, UnpaddedBase64(hash.salt), UnpaddedBase64(hash.tag));
}

std::optional<PasswordHash> ParsePhc(std::string_view text) {
  PasswordHash hash;
  if (!TakePrefix(text, "$argon2id$v=19$m=") || !TakeNumber(text, hash.cost.memory_kib) ||
      !TakePrefix(text, ",t=") || !TakeNumber(text, hash.cost.passes) || !TakePrefix(text, ",p=") ||
      !TakeNumber(text, hash.cost.lanes) || !TakePrefix(text, "$") || !IsBounded(hash.cost)) {
    return std::nullopt;
  }
  const size_t dollar = text.find('$');
  if (dollar == std::string_view::npos || !FromUnpaddedBase64(text.substr(0, dollar), hash.salt) ||
      !FromUnpaddedBase64(text.substr(dollar + 1), hash.tag)) {
    return std::nullopt;
  }
  return hash;
}

}  // namespace claviger::crypto
