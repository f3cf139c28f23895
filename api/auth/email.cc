#include <algorithm>

#include "api/auth/auth_wire.h"

namespace claviger::api {
namespace {

constexpr size_t kMaxLocalBytes = 64;
constexpr size_t kMaxLabelBytes = 63;

bool IsAlphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

// RFC 5321 section 4.1.2, Dot-string: atoms of RFC 5322 atext with single dots between them.
bool IsLocalPart(std::string_view text) {
  if (text.empty() || text.size() > kMaxLocalBytes || text.front() == '.' || text.back() == '.') return false;
  if (text.find("..") != std::string_view::npos) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return IsAlphanumeric(c) || std::string_view(".!#$%&'*+-/=?^_`{|}~").find(c) != std::string_view::npos;
  });
}

bool IsLabel(std::string_view text) {
  if (text.empty() || text.size() > kMaxLabelBytes || text.front() == '-' || text.back() == '-') return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return IsAlphanumeric(c) || c == '-'; });
}

bool IsDomain(std::string_view text) {
  while (true) {
    const size_t dot = text.find('.');
    if (!IsLabel(text.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

}  // namespace

Result<std::string> NormalizeEmail(std::string_view text) {
  if (std::any_of(text.begin(), text.end(), [](char c) { return static_cast<uint8_t>(c) >= 0x80; })) {
    return Invalid("Field 'email' must be an ASCII address");
  }
  std::string address(text);
  for (char& c : address) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  const size_t at = address.find('@');
  if (address.size() > kMaxEmailBytes || at == std::string::npos ||
      !IsLocalPart(std::string_view(address).substr(0, at)) ||
      !IsDomain(std::string_view(address).substr(at + 1))) {
    return Invalid("Field 'email' must be an address such as name@example.org");
  }
  return address;
}

}  // namespace claviger::api
