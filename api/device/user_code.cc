#include "api/device/user_code.h"

#include <array>

namespace claviger::api {
namespace {

constexpr std::string_view kAlphabet = "BCDFGHJKLMNPQRSTVWXZ";
constexpr size_t kLetters = 8;
constexpr size_t kHalf = 4;
// The largest multiple of the alphabet's size in a byte: what lies above would make some letters likelier.
constexpr uint8_t kEven = 256 / kAlphabet.size() * kAlphabet.size();

char UpperAscii(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

}  // namespace

std::string NewUserCode(Random& random) {
  std::string code;
  while (code.size() < kLetters + 1) {
    std::array<uint8_t, 1> byte{};
    random.Fill(byte);
    if (byte[0] >= kEven) continue;
    code += kAlphabet[byte[0] % kAlphabet.size()];
    if (code.size() == kHalf) code += '-';
  }
  return code;
}

std::optional<std::string> NormalizeUserCode(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  const bool hyphen = text.size() == kLetters + 1 && text[kHalf] == '-';
  if (!hyphen && text.size() != kLetters) return std::nullopt;
  std::string code;
  for (size_t i = 0; i < text.size(); ++i) {
    if (hyphen && i == kHalf) continue;
    const char letter = UpperAscii(text[i]);
    if (kAlphabet.find(letter) == kAlphabet.npos) return std::nullopt;
    code += letter;
  }
  code.insert(kHalf, 1, '-');
  return code;
}

}  // namespace claviger::api
