#include <algorithm>

#include "crypto/common_passwords.h"
#include "crypto/password.h"

namespace claviger::crypto {
namespace {

constexpr int kMinCharacters = 12;
constexpr size_t kMaxBytes = 1024;
constexpr int kMaxIdentical = 2;
constexpr int kMaxSequential = 3;

bool IsUpper(char32_t c) { return c >= 'A' && c <= 'Z'; }
bool IsLower(char32_t c) { return c >= 'a' && c <= 'z'; }
bool IsDigit(char32_t c) { return c >= '0' && c <= '9'; }
char32_t ToLower(char32_t c) { return IsUpper(c) ? c - 'A' + 'a' : c; }

// Takes one code point off well-formed UTF-8.
char32_t TakeCodePoint(std::string_view& text) {
  const auto first = static_cast<uint8_t>(text.front());
  const size_t length = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  char32_t point = length == 1 ? first : first & (0xFFU >> (length + 1));
  for (size_t i = 1; i < length; ++i) point = point << 6 | (static_cast<uint8_t>(text[i]) & 0x3F);
  text.remove_prefix(length);
  return point;
}

int CountCharacters(std::string_view text) {
  int count = 0;
  for (; !text.empty(); ++count) TakeCodePoint(text);
  return count;
}

// What the strict rule looks at, gathered in one pass without a second copy of the password.
class Traits {
 public:
  explicit Traits(std::string_view password) {
    while (!password.empty()) Add(TakeCodePoint(password));
  }
  bool upper = false, lower = false, digit = false, special = false;
  int identical = 0, sequential = 0;  // the longest runs

 private:
  void Add(char32_t c) {
    upper |= IsUpper(c);
    lower |= IsLower(c);
    digit |= IsDigit(c);
    special |= !IsUpper(c) && !IsLower(c) && !IsDigit(c);
    identical_run_ = c == previous_ ? identical_run_ + 1 : 1;
    identical = std::max(identical, identical_run_);
    AddStep(ToLower(c));
    previous_ = c;
  }

  // "abcd", "4321": each letter or digit next to the one before, always in the same direction.
  void AddStep(char32_t c) {
    const char32_t before = ToLower(previous_);
    const bool same_class = (IsLower(c) && IsLower(before)) || (IsDigit(c) && IsDigit(before));
    const int step = !same_class ? 0 : c == before + 1 ? 1 : c + 1 == before ? -1 : 0;
    sequential_run_ = step == 0 ? 1 : step == step_ ? sequential_run_ + 1 : 2;
    sequential = std::max(sequential, sequential_run_);
    step_ = step;
  }

  char32_t previous_ = 0xFFFFFFFF;
  int identical_run_ = 0, sequential_run_ = 0, step_ = 0;
};

Status CheckStrictRule(std::string_view password) {
  const Traits traits(password);
  if (!traits.upper) return Invalid("The password needs an upper-case letter");
  if (!traits.lower) return Invalid("The password needs a lower-case letter");
  if (!traits.digit) return Invalid("The password needs a digit");
  if (!traits.special) return Invalid("The password needs a special character");
  if (traits.identical > kMaxIdentical) return Invalid("The password repeats a character too often in a row");
  if (traits.sequential > kMaxSequential)
    return Invalid("The password has too long a run such as 1234 or abcd");
  return Ok();
}

}  // namespace

Status CheckPasswordRules(std::string_view password, std::string_view email, const PasswordRules& rules) {
  if (password.size() > kMaxBytes) return Invalid("The password must have at most 1024 bytes");
  if (!IsUtf8(password)) return Invalid("The password must be valid UTF-8");
  if (CountCharacters(password) < kMinCharacters)
    return Invalid("The password must have at least 12 characters");
  if (IsCommonPassword(password)) return Invalid("The password is among the most common ones");
  if (rules.blocklist != nullptr && rules.blocklist->Contains(password))
    return Invalid("The password is on this server's list of refused ones");
  if (IsDressedUp(password, email))
    return Invalid("The password is little more than common words or parts of the e-mail address");
  if (rules.strict) return CheckStrictRule(password);
  return Ok();
}

}  // namespace claviger::crypto
