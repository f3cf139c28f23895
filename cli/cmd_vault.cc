#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "api/vaults/vaults_wire.h"
#include "cli/command.h"
#include "cli/context.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/terminal.h"
#include "cli/vault_name.h"

namespace claviger::cli {
namespace {

struct VaultOptions {
  std::string vault;  // name or id
  std::string description;
  bool yes = false;
  bool names_only = false;
};

void PrintVault(const Context& context, const Json& vault) {
  if (context.json()) return PrintJson(vault);
  PrintFields({{"name", TextOf(vault, "name")},
               {"id", TextOf(vault, "id")},
               {"description", TextOf(vault, "description")},
               {"customer key", TextOf(vault, "cmek_fingerprint")},
               {"created", TextOf(vault, "created_at")}});
}

Result<int> Create(const Context& context, const VaultOptions& options) {
  TRY(ApiClient api, context.LoggedIn());
  TRY(const Json vault, api.Post("/v1/vaults", api::EncodeCreateVault({options.vault, options.description})));
  PrintVault(context, vault);
  return kExitOk;
}

Result<int> List(const Context& context, const VaultOptions& options) {
  TRY(ApiClient api, context.LoggedIn());
  TRY(Json answer, api.GetList("/v1/vaults", "vaults"));
  if (context.json() && !options.names_only) {
    PrintJson(answer);
    return kExitOk;
  }
  TRY(const Json vaults, ListOf(std::move(answer), "vaults"));
  std::vector<std::vector<std::string>> rows;
  for (const Json& vault : vaults) {
    const std::string name = TextOf(vault, "name");
    if (options.names_only) std::printf("%s\n", Printable(name).c_str());
    rows.push_back({name, TextOf(vault, "id"), TextOf(vault, "created_at"), TextOf(vault, "description")});
  }
  if (!options.names_only) PrintTable({"NAME", "ID", "CREATED", "DESCRIPTION"}, rows);
  return kExitOk;
}

Result<int> Show(const Context& context, const VaultOptions& options) {
  TRY(ApiClient api, context.LoggedIn());
  TRY(const Json vault, FindVault(api, options.vault));
  PrintVault(context, vault);
  return kExitOk;
}

Result<int> Delete(const Context& context, const VaultOptions& options) {
  TRY(ApiClient api, context.LoggedIn());
  TRY(const Json vault, FindVault(api, options.vault));
  const std::string name = TextOf(vault, "name");
  if (!options.yes) {
    auto sure = Confirm("Delete the vault " + Printable(name) + " with every secret in it, for good?");
    if (!sure) return UsageError("Deleting needs a confirmation: answer on a terminal, or give --yes");
    if (!sure.value()) {
      Notice("Nothing was deleted");
      return kExitFailed;
    }
  }
  TRYV(api.Delete(VaultTarget(TextOf(vault, "id"))));
  if (context.json()) PrintJson({{"deleted", TextOf(vault, "id")}});
  Notice("Deleted the vault " + name);
  return kExitOk;
}

void AddName(CLI::App* command, VaultOptions& options, const char* what) {
  command->add_option("vault", options.vault, what)->required();
}

}  // namespace

void AddVault(CLI::App& app, Action& chosen) {
  auto* group = app.add_subcommand("vault", "Create, list, show and delete vaults");
  group->require_subcommand(1);
  auto options = std::make_shared<VaultOptions>();

  auto* create = group->add_subcommand("create", "Create a vault with a key of its own");
  AddName(create, *options, "Its name");
  create->add_option("--description", options->description, "What it is for");
  Choose(create, chosen, options, Create);

  auto* list = group->add_subcommand("list", "List the vaults you can see");
  list->add_flag("--names-only", options->names_only, "One name a line");
  Choose(list, chosen, options, List);

  auto* show = group->add_subcommand("show", "Show one vault");
  AddName(show, *options, "Name or id");
  Choose(show, chosen, options, Show);

  auto* remove = group->add_subcommand("delete", "Delete a vault and every secret in it");
  AddName(remove, *options, "Name or id");
  remove->add_flag("--yes", options->yes, "Do not ask");
  Choose(remove, chosen, options, Delete);
}

}  // namespace claviger::cli
