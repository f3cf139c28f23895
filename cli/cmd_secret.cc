// secret list, describe and delete; put, get and export have files of their own.

#include "cli/cmd_secret.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/context.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/terminal.h"
#include "cli/vault_name.h"

namespace claviger::cli {
namespace {

struct ListOptions {
  std::string vault;
  std::string prefix;
  bool paths_only = false;
};

Result<int> List(const Context& context, const ListOptions& options) {
  TRY(ApiClient api, context.LoggedIn());
  TRY(const std::string vault_id, FindVaultId(api, options.vault));
  TRY(Json answer, FetchSecretList(api, vault_id, options.prefix));
  if (context.json() && !options.paths_only) {
    PrintJson(answer);
    return kExitOk;
  }
  TRY(const Json secrets, ListOf(std::move(answer), "secrets"));
  std::vector<std::vector<std::string>> rows;
  for (const Json& secret : secrets) {
    const std::string path = TextOf(secret, "path");
    if (options.paths_only) std::printf("%s\n", Printable(path).c_str());
    rows.push_back({path, TextOf(secret, "type"), TextOf(secret, "version"), TextOf(secret, "created_at"),
                    TextOf(secret, "expires_at")});
  }
  if (!options.paths_only) PrintTable({"PATH", "TYPE", "VERSION", "CREATED", "EXPIRES"}, rows);
  return kExitOk;
}

// From the list, because reading the secret itself would count against its allowed reads.
Result<int> Describe(const Context& context, const SecretAddress& options) {
  TRY(ApiClient api, context.LoggedIn());
  TRY(const std::string vault_id, FindVaultId(api, options.vault));
  TRY(Json answer, FetchSecretList(api, vault_id, options.path));
  TRY(const Json secrets, ListOf(std::move(answer), "secrets"));
  for (const Json& secret : secrets) {
    if (TextOf(secret, "path") != options.path) continue;
    PrintSecretMetadata(context, secret);
    return kExitOk;
  }
  return NotFound("There is no secret at " + options.path + " in this vault");
}

struct DeleteOptions : SecretAddress {
  bool yes = false;
};

Result<int> Delete(const Context& context, const DeleteOptions& options) {
  if (!options.yes) {
    auto sure = Confirm("Delete the secret " + Printable(options.path) + " and all its versions?");
    if (!sure) return UsageError("Deleting needs a confirmation: answer on a terminal, or give --yes");
    if (!sure.value()) {
      Notice("Nothing was deleted");
      return kExitFailed;
    }
  }
  TRY(ApiClient api, context.LoggedIn());
  TRY(const std::string vault_id, FindVaultId(api, options.vault));
  TRYV(api.Delete(SecretTarget(vault_id, options.path)));
  if (context.json()) PrintJson({{"deleted", options.path}});
  Notice("Deleted the secret " + options.path);
  return kExitOk;
}

}  // namespace

Result<Json> FetchSecretList(ApiClient& api, const std::string& vault_id, const std::string& prefix) {
  return api.GetList(VaultTarget(vault_id) + "/secrets" + QueryString({{"prefix", prefix}}), "secrets");
}

void PrintSecretMetadata(const Context& context, const Json& secret) {
  if (context.json()) return PrintJson(secret);
  const auto metadata = secret.find("metadata");
  const bool has_metadata = metadata != secret.end() && metadata->is_object() && !metadata->empty();
  PrintFields({{"path", TextOf(secret, "path")},
               {"id", TextOf(secret, "id")},
               {"type", TextOf(secret, "type")},
               {"version", TextOf(secret, "version")},
               {"created", TextOf(secret, "created_at")},
               {"expires", TextOf(secret, "expires_at")},
               {"metadata", has_metadata ? metadata->dump() : ""}});
}

void AddAddress(CLI::App& command, SecretAddress& address) {
  command.add_option("vault", address.vault, "Name or id of the vault")->required();
  command.add_option("path", address.path, "Path of the secret, such as db/password")
      ->required()
      ->check(CheckSecretPath);
}

void AddSecret(CLI::App& app, Action& chosen) {
  auto* group = app.add_subcommand("secret", "Store, read, list and delete secrets");
  group->require_subcommand(1);
  AddSecretPut(*group, chosen);
  AddSecretGet(*group, chosen);
  AddSecretExport(*group, chosen);

  auto list_options = std::make_shared<ListOptions>();
  auto* list = group->add_subcommand("list", "List the secrets of a vault, without their values");
  list->add_option("vault", list_options->vault, "Name or id of the vault")->required();
  list->add_option("--prefix", list_options->prefix, "Only paths that begin so");
  list->add_flag("--paths-only", list_options->paths_only, "One path a line");
  Choose(list, chosen, list_options, List);

  auto address = std::make_shared<SecretAddress>();
  auto* describe = group->add_subcommand("describe", "Show what is known of a secret, without its value");
  AddAddress(*describe, *address);
  Choose(describe, chosen, address, Describe);

  auto delete_options = std::make_shared<DeleteOptions>();
  auto* remove = group->add_subcommand("delete", "Delete a secret with all its versions");
  AddAddress(*remove, *delete_options);
  remove->add_flag("--yes", delete_options->yes, "Do not ask");
  Choose(remove, chosen, delete_options, Delete);
}

}  // namespace claviger::cli
