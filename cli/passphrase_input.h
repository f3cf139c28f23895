#pragma once
// How the passphrase of a share is given: typed at the terminal, in a file, or on stdin; never as an
// argument.

#include <string>

#include "base/error.h"
#include "base/secret_bytes.h"

namespace CLI {
class App;
}

namespace claviger::cli {

struct PassphraseOptions {
  std::string file;
  bool from_stdin = false;

  bool given() const { return !file.empty() || from_stdin; }
};
void AddPassphraseOptions(CLI::App& command, PassphraseOptions& options);

// One line end after the passphrase in a file or on stdin is not part of it. `twice`: a typed one is asked
// for again and must agree.
Result<SecretBytes> ReadPassphrase(const PassphraseOptions& options, bool twice);

}  // namespace claviger::cli
