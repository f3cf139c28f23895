#include "cli/password_input.h"

#include <unistd.h>

#include <CLI/CLI.hpp>

#include "cli/files.h"
#include "cli/terminal.h"
#include "cli/value_input.h"

namespace claviger::cli {
namespace {

constexpr size_t kMaxPasswordFileBytes = 64 * 1024;

Result<SecretBytes> AskPassword(bool twice) {
  auto typed = AskSecret("Password: ");
  if (!typed) {
    return Invalid(typed.error().detail + "; use --password-file or --password-stdin to give the password");
  }
  if (twice) {
    TRY(const SecretBytes again, AskSecret("The same again: "));
    if (!(again == typed.value())) return Invalid("The two passwords differ");
  }
  return typed;
}

}  // namespace

void AddPasswordOptions(CLI::App& command, PasswordOptions& options) {
  auto* file = command.add_option("--password-file", options.file, "Read the password from this file");
  command.add_flag("--password-stdin", options.from_stdin, "Read the password from standard input")
      ->excludes(file);
}

Result<SecretBytes> ReadPassword(const PasswordOptions& options, bool twice) {
  if (options.file.empty() && !options.from_stdin) return AskPassword(twice);
  auto password = options.from_stdin ? ReadAll(STDIN_FILENO, kMaxPasswordFileBytes, "standard input")
                                     : ReadFile(options.file, kMaxPasswordFileBytes);
  TRYV(password);
  TrimLineEnd(password.value());
  if (password.value().empty()) return Invalid("The password is empty");
  if (!IsUtf8(password.value().Text())) return Invalid("The password is not UTF-8 text");
  return password;
}

}  // namespace claviger::cli
