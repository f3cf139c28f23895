#pragma once
// How a password is given: typed at the terminal, in a file, or on stdin; never as an argument.

#include <string>

#include "base/error.h"
#include "base/secret_bytes.h"

namespace CLI {
class App;
}

namespace claviger::cli {

struct PasswordOptions {
  std::string file;
  bool from_stdin = false;
};
void AddPasswordOptions(CLI::App& command, PasswordOptions& options);

// One line end after the password in a file or on stdin is not part of it. `twice`: typed passwords are asked
// for again and must agree.
Result<SecretBytes> ReadPassword(const PasswordOptions& options, bool twice);

}  // namespace claviger::cli
