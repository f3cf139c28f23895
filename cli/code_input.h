#pragma once
// How a one-time or recovery code is given: typed at the terminal, in a file, or on stdin.

#include <string>

#include "base/error.h"
#include "base/secret_bytes.h"

namespace CLI {
class App;
}

namespace claviger::cli {

struct CodeOptions {
  std::string file;
  bool from_stdin = false;
};
void AddCodeOptions(CLI::App& command, CodeOptions& options);

// One line end after the code in a file or on stdin is not part of it.
Result<SecretBytes> ReadCode(const CodeOptions& options);

}  // namespace claviger::cli
