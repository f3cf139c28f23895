#pragma once
#include <string_view>

namespace claviger::crypto {

// True for the commonest passwords of 12 characters and more, in any letter case.
bool IsCommonPassword(std::string_view password);

}  // namespace claviger::crypto
