#include <CLI/CLI.hpp>
#include <cstdio>

#include "cli/command.h"
#include "cli/completion_text.h"
#include "cli/exit_code.h"

namespace claviger::cli {
namespace {

struct CompletionOptions {
  std::string shell;
};

Result<int> PrintCompletion(const Context&, const CompletionOptions& options) {
  const char* text = options.shell == "bash"  ? kBashCompletion
                     : options.shell == "zsh" ? kZshCompletion
                                              : kFishCompletion;
  std::fputs(text, stdout);
  return kExitOk;
}

}  // namespace

void AddCompletion(CLI::App& app, Action& chosen) {
  auto options = std::make_shared<CompletionOptions>();
  auto* completion = app.add_subcommand("completion", "Print the completion script of a shell");
  completion->add_option("shell", options->shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  Choose(completion, chosen, options, PrintCompletion);
}

}  // namespace claviger::cli
