#include "cli/code_input.h"

#include <unistd.h>

#include <CLI/CLI.hpp>

#include "cli/files.h"
#include "cli/terminal.h"
#include "cli/value_input.h"

namespace claviger::cli {
namespace {

constexpr size_t kMaxCodeFileBytes = 1024;

}  // namespace

void AddCodeOptions(CLI::App& command, CodeOptions& options) {
  auto* file = command.add_option("--code-file", options.file, "Read the code from this file");
  command.add_flag("--code-stdin", options.from_stdin, "Read the code from standard input")->excludes(file);
}

Result<SecretBytes> ReadCode(const CodeOptions& options) {
  if (options.file.empty() && !options.from_stdin) {
    auto typed = Ask("Code: ");
    if (!typed) return Invalid(typed.error().detail + "; use --code-file or --code-stdin to give the code");
    return typed;
  }
  auto code = options.from_stdin ? ReadAll(STDIN_FILENO, kMaxCodeFileBytes, "standard input")
                                 : ReadFile(options.file, kMaxCodeFileBytes);
  TRYV(code);
  TrimLineEnd(code.value());
  if (code.value().empty()) return Invalid("The code is empty");
  if (!IsUtf8(code.value().Text())) return Invalid("The code is not UTF-8 text");
  return code;
}

}  // namespace claviger::cli
