#include "cli/passphrase_input.h"

#include <unistd.h>

#include <CLI/CLI.hpp>

#include "api/json/text_rules.h"
#include "cli/files.h"
#include "cli/terminal.h"
#include "cli/value_input.h"

namespace claviger::cli {
namespace {

constexpr size_t kMaxPassphraseFileBytes = 64 * 1024;

Result<SecretBytes> AskPassphrase(bool twice) {
  auto typed = AskSecret("Passphrase of the share: ");
  if (!typed) {
    return Invalid(typed.error().detail + "; use --passphrase-file or --passphrase-stdin to give it");
  }
  if (twice) {
    TRY(const SecretBytes again, AskSecret("The same again: "));
    if (!(again == typed.value())) return Invalid("The two passphrases differ");
  }
  return typed;
}

}  // namespace

void AddPassphraseOptions(CLI::App& command, PassphraseOptions& options) {
  auto* file = command.add_option("--passphrase-file", options.file, "Read the passphrase from this file");
  command.add_flag("--passphrase-stdin", options.from_stdin, "Read the passphrase from standard input")
      ->excludes(file);
}

Result<SecretBytes> ReadPassphrase(const PassphraseOptions& options, bool twice) {
  if (!options.given()) return AskPassphrase(twice);
  auto passphrase = options.from_stdin ? ReadAll(STDIN_FILENO, kMaxPassphraseFileBytes, "standard input")
                                       : ReadFile(options.file, kMaxPassphraseFileBytes);
  TRYV(passphrase);
  TrimLineEnd(passphrase.value());
  if (passphrase.value().empty()) return Invalid("The passphrase is empty");
  if (!IsUtf8(passphrase.value().Text())) return Invalid("The passphrase is not UTF-8 text");
  // It travels in a header, where a line end would begin another.
  if (api::HasControl(passphrase.value().Text())) return Invalid("The passphrase has a control character");
  return passphrase;
}

}  // namespace claviger::cli
