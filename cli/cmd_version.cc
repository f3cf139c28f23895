#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/context.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/version.h"

namespace claviger::cli {
namespace {

Result<int> PrintVersion(const Context& context) {
  if (context.json()) {
    PrintJson({{"version", CLAVIGER_VERSION}});
  } else {
    std::puts("claviger " CLAVIGER_VERSION);
  }
  return kExitOk;
}

}  // namespace

void AddVersion(CLI::App& app, Action& chosen) {
  app.add_subcommand("version", "Print the version of this program")->callback([&chosen] {
    chosen = PrintVersion;
  });
}

}  // namespace claviger::cli
