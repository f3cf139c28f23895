#pragma once
// What is asked of the person at the terminal. Questions go to /dev/tty, so that stdin and stdout stay free
// for data.

#include <string_view>

#include "base/error.h"
#include "base/secret_bytes.h"

namespace claviger::cli {

bool IsTerminal(int fd);
// Whether there is a person to ask.
bool HasTerminal();

// One line, not shown while it is typed; without its line end. The terminal's mode is restored in every case,
// also when a signal ends the wait. kInvalid if there is no terminal or the line is empty or over 64 KiB.
Result<SecretBytes> AskSecret(std::string_view prompt);

// The same, shown while it is typed: for what is used up by being used.
Result<SecretBytes> Ask(std::string_view prompt);

// True only for "y" or "yes". kInvalid if there is no terminal.
Result<bool> Confirm(std::string_view question);

}  // namespace claviger::cli
