#include "cli/named_secrets.h"

#include <CLI/CLI.hpp>
#include <map>
#include <nlohmann/json.hpp>

#include "cli/cmd_secret.h"
#include "cli/context.h"
#include "cli/variable_name.h"
#include "cli/vault_name.h"

namespace claviger::cli {
namespace {

constexpr size_t kMaxSecrets = 1000;

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

Result<Plan> PlanFromList(ApiClient& api, const std::string& vault_id, const NamedSecrets& which) {
  const std::string folder = FolderOf(which.prefix);
  TRY(Json answer, FetchSecretList(api, vault_id, folder));
  TRY(const Json secrets, ListOf(std::move(answer), "secrets"));
  if (secrets.size() > kMaxSecrets) return Invalid("More than 1000 secrets match; name a --prefix");
  Plan plan;
  for (const Json& secret : secrets) {
    const std::string path = TextOf(secret, "path");
    if (!path.starts_with(folder)) continue;
    TRYV(AddToPlan(plan, VariableNameOf(path.substr(folder.size())), path, which.allow_unsafe_names));
  }
  if (plan.empty()) return NotFound("No secret matches");
  return plan;
}

Result<Plan> PlanFromOptions(const NamedSecrets& which) {
  Plan plan;
  for (const std::string& assignment : which.secrets) {
    const size_t equals = assignment.find('=');
    TRYV(AddToPlan(plan, assignment.substr(0, equals), assignment.substr(equals + 1),
                   which.allow_unsafe_names));
  }
  return plan;
}

Result<SecretBytes> FetchValue(ApiClient& api, const std::string& target, const CmekKeys& keys) {
  TRY(const SecretBytes text, api.GetText(target));
  TRY(api::Secret secret, api::DecodeSecret(text.Text()));
  return keys.Open(std::move(secret));
}

Result<SecretBytes> Fetch(ApiClient& api, const std::string& vault_id, const std::string& path,
                          const CmekKeys& keys) {
  auto value = FetchValue(api, SecretTarget(vault_id, path), keys);
  if (value) return value;
  Error error = std::move(value).error();
  error.detail = "Cannot read " + path + ": " + error.detail;
  return error;
}

}  // namespace

void AddNamedSecrets(CLI::App& command, NamedSecrets& which) {
  auto* prefix =
      command.add_option("--prefix", which.prefix, "Only secrets in this folder, named without it");
  command
      .add_option("--secret", which.secrets, "Only this secret, under this name (NAME=PATH); may be repeated")
      ->check(CheckAssignment)
      ->allow_extra_args(false)  // otherwise it would swallow what follows it
      ->excludes(prefix);
  command.add_flag("--allow-unsafe-names", which.allow_unsafe_names,
                   "Also set variables that change how programs load code");
  AddCmekOptions(command, which.cmek);
}

Status ForEachNamedSecret(
    const Context& context, const NamedSecrets& which,
    const std::function<Status(const std::string& name, const SecretBytes& value)>& take) {
  TRY(const CmekKeys keys, CmekKeys::Read(which.cmek));
  TRY(ApiClient api, context.LoggedIn());
  TRY(const std::string vault_id, FindVaultId(api, which.vault));
  TRY(const Plan plan, which.secrets.empty() ? PlanFromList(api, vault_id, which) : PlanFromOptions(which));
  for (const auto& [name, path] : plan) {
    TRY(const SecretBytes value, Fetch(api, vault_id, path, keys));
    TRYV(take(name, value));
  }
  return Ok();
}

}  // namespace claviger::cli
