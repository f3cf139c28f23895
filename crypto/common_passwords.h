#pragma once
#include <string_view>

namespace claviger::crypto {

// True for the commonest passwords of 12 characters and more, in any letter case.
bool IsCommonPassword(std::string_view password);

// True if little is left of the password once the commonest words, however dressed up ("P@ssw0rd"), counting
// digits and the words of the person's own address are taken out of it.
bool IsDressedUp(std::string_view password, std::string_view email);

}  // namespace claviger::crypto
