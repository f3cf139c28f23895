// run: a program with secrets in its environment. No error path names anything but paths and variables.

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <map>
#include <nlohmann/json.hpp>

#include "cli/child.h"
#include "cli/cmd_secret.h"
#include "cli/context.h"
#include "cli/output.h"
#include "cli/value_input.h"
#include "cli/variable_name.h"
#include "cli/vault_name.h"

namespace claviger::cli {
namespace {

constexpr size_t kMaxSecrets = 1000;

struct RunOptions {
  std::string vault;
  std::string prefix;
  std::vector<std::string> secrets;  // NAME=PATH
  bool allow_unsafe_names = false;
  std::vector<std::string> command;
};

using Plan = std::map<std::string, std::string>;  // variable -> path

std::string CheckAssignment(const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos) return "It must be NAME=PATH";
  return CheckSecretPath(text.substr(equals + 1));
}

Status AddToPlan(Plan& plan, const std::string& name, const std::string& path, bool allow_unsafe) {
  TRYV(CheckVariable(name, allow_unsafe));
  const auto [row, added] = plan.emplace(name, path);
  if (added) return Ok();
  return Invalid("The secrets " + row->second + " and " + path + " would both be named " + name +
                 "; choose names with --secret NAME=PATH");
}

// A prefix is a folder here: "app" means "app/...", and names come from what follows it.
std::string FolderOf(const std::string& prefix) {
  return prefix.empty() || prefix.ends_with('/') ? prefix : prefix + "/";
}

Result<Plan> PlanFromList(ApiClient& api, const std::string& vault_id, const RunOptions& options) {
  const std::string folder = FolderOf(options.prefix);
  TRY(Json answer, FetchSecretList(api, vault_id, folder));
  TRY(const Json secrets, ListOf(std::move(answer), "secrets"));
  if (secrets.size() > kMaxSecrets) return Invalid("More than 1000 secrets match; name a --prefix");
  Plan plan;
  for (const Json& secret : secrets) {
    const std::string path = TextOf(secret, "path");
    if (!path.starts_with(folder)) continue;
    TRYV(AddToPlan(plan, VariableNameOf(path.substr(folder.size())), path, options.allow_unsafe_names));
  }
  if (plan.empty()) return NotFound("No secret matches; nothing was run");
  return plan;
}

Result<Plan> PlanFromOptions(const RunOptions& options) {
  Plan plan;
  for (const std::string& assignment : options.secrets) {
    const size_t equals = assignment.find('=');
    TRYV(AddToPlan(plan, assignment.substr(0, equals), assignment.substr(equals + 1),
                   options.allow_unsafe_names));
  }
  return plan;
}

Result<SecretBytes> Fetch(ApiClient& api, const std::string& vault_id, const std::string& path) {
  auto text = api.GetText(SecretTarget(vault_id, path));
  if (!text) {
    Error error = std::move(text).error();
    error.detail = "Cannot read " + path + ": " + error.detail;
    return error;
  }
  TRY(api::Secret secret, api::DecodeSecret(text.value().Text()));
  return DecodeValue(std::move(secret));
}

// In a function of its own so that the client, its buffers and its token are gone while the child runs.
Status FillEnvironment(const Context& context, const RunOptions& options, EnvironmentBlock& environment) {
  TRY(ApiClient api, context.LoggedIn());
  TRY(const std::string vault_id, FindVaultId(api, options.vault));
  TRY(const Plan plan,
      options.secrets.empty() ? PlanFromList(api, vault_id, options) : PlanFromOptions(options));
  for (const auto& [name, path] : plan) {
    TRY(const SecretBytes value, Fetch(api, vault_id, path));
    TRYV(environment.Set(name, value));
  }
  return Ok();
}

Result<int> Run(const Context& context, const RunOptions& options) {
  EnvironmentBlock environment(environ);
  // The child gets the secrets it was given, not the power to read more.
  environment.Remove("CLAVIGER_TOKEN");
  environment.Remove("CLAVIGER_API_KEY");
  TRYV(FillEnvironment(context, options, environment));
  return RunChild(options.command, environment);
}

}  // namespace

void AddRun(CLI::App& app, Action& chosen) {
  auto options = std::make_shared<RunOptions>();
  auto* run = app.add_subcommand("run", "Run a program with secrets in its environment");
  run->add_option("--vault", options->vault, "Name or id of the vault")
      ->required()
      ->envname("CLAVIGER_VAULT");
  auto* prefix =
      run->add_option("--prefix", options->prefix, "Only secrets in this folder, named without it");
  run->add_option("--secret", options->secrets,
                  "Only this secret, under this name (NAME=PATH); may be repeated")
      ->check(CheckAssignment)
      ->allow_extra_args(false)  // otherwise it would swallow the "--" before the program
      ->excludes(prefix);
  run->add_flag("--allow-unsafe-names", options->allow_unsafe_names,
                "Also set variables that change how programs load code");
  run->add_option("command", options->command, "The program and its arguments, after --")->required();
  Choose(run, chosen, options, Run);
}

}  // namespace claviger::cli
