#pragma once
// The code that a device shows and a person types: eight letters of twenty, shown as BCDF-GHJK. Vowels are
// left out, and with them words; so are digits, and with them look-alikes (RFC 8628 section 6.1). 34 bits:
// guessing is limited, and a code lives for ten minutes.

#include <optional>
#include <string>
#include <string_view>

#include "base/random.h"

namespace claviger::api {

std::string NewUserCode(Random& random);
// As shown, from any case, with or without the hyphen and with spaces around it; nullopt for anything else.
std::optional<std::string> NormalizeUserCode(std::string_view text);

}  // namespace claviger::api
