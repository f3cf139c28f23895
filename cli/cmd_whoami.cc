#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/context.h"
#include "cli/exit_code.h"
#include "cli/output.h"

namespace claviger::cli {
namespace {

Result<int> Whoami(const Context& context) {
  TRY(ApiClient api, context.LoggedIn());
  TRY(const Json me, api.Get("/v1/auth/me"));
  if (context.json()) {
    PrintJson(me);
    return kExitOk;
  }
  PrintFields({{"email", TextOf(me, "email")},
               {"name", TextOf(me, "display_name")},
               {"id", TextOf(me, "id")},
               {"organization", TextOf(me, "org_id")},
               {"role", TextOf(me, "role")},
               {"server", api.url()}});
  return kExitOk;
}

}  // namespace

void AddWhoami(CLI::App& app, Action& chosen) {
  app.add_subcommand("whoami", "Show who is logged in, as the server sees it")->callback([&chosen] {
    chosen = Whoami;
  });
}

}  // namespace claviger::cli
