#pragma once
// QR codes for cameras that look at a terminal.

#include <string>
#include <string_view>

#include "base/error.h"

namespace claviger::cli {

// Lines of half blocks, two modules high, in black and white whatever the terminal's colours are. kTooLarge
// if the text does not fit a QR code.
Result<std::string> DrawQrCode(std::string_view text);

}  // namespace claviger::cli
