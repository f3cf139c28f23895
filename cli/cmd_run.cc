// run: a program with secrets in its environment. No error path names anything but paths and variables.

#include <unistd.h>

#include <CLI/CLI.hpp>

#include "cli/child.h"
#include "cli/named_secrets.h"

namespace claviger::cli {
namespace {

struct RunOptions : NamedSecrets {
  std::vector<std::string> command;
};

Result<int> Run(const Context& context, const RunOptions& options) {
  EnvironmentBlock environment(environ);
  // The child gets the secrets it was given, not the power to read more.
  environment.Remove("CLAVIGER_TOKEN");
  environment.Remove("CLAVIGER_API_KEY");
  // The client, its buffers and its token are gone before the child runs.
  TRYV(ForEachNamedSecret(context, options, [&](const std::string& name, const SecretBytes& value) {
    return environment.Set(name, value);
  }));
  return RunChild(options.command, environment);
}

}  // namespace

void AddRun(CLI::App& app, Action& chosen) {
  auto options = std::make_shared<RunOptions>();
  auto* run = app.add_subcommand("run", "Run a program with secrets in its environment");
  run->add_option("--vault", options->vault, "Name or id of the vault")
      ->required()
      ->envname("CLAVIGER_VAULT");
  AddNamedSecrets(*run, *options);
  run->add_option("command", options->command, "The program and its arguments, after --")->required();
  Choose(run, chosen, options, Run);
}

}  // namespace claviger::cli
