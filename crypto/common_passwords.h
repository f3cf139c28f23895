#pragma once
// Passwords that are tried first by whoever guesses. Letter case of ASCII makes no difference.

#include <string>
#include <string_view>
#include <vector>

namespace claviger::crypto {

// True for the commonest passwords of 12 characters and more, in any letter case.
bool IsCommonPassword(std::string_view password);

// What one installation refuses besides: leaked passwords, or its own name and products.
class PasswordBlocklist {
 public:
  static constexpr size_t kMaxBytes = 16 * 1024 * 1024;  // of its text

  PasswordBlocklist() = default;
  // One password a line, as bytes: lists of leaked ones are not all UTF-8. Empty lines say nothing.
  explicit PasswordBlocklist(std::string text);
  PasswordBlocklist(const PasswordBlocklist&) = delete;
  PasswordBlocklist& operator=(const PasswordBlocklist&) = delete;

  bool Contains(std::string_view password) const;

 private:
  const std::string text_;
  std::vector<std::string_view> lines_;  // of text_, sorted
};

// True if little is left of the password once the commonest words, however dressed up ("P@ssw0rd"), counting
// digits and the words of the person's own address are taken out of it.
bool IsDressedUp(std::string_view password, std::string_view email);

}  // namespace claviger::crypto
