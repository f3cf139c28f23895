#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/context.h"
#include "cli/exit_code.h"
#include "cli/output.h"

namespace claviger::cli {
namespace {

struct HealthOptions {
  bool hsm = false;
};

void PrintText(const Json& answer) {
  std::vector<std::pair<std::string_view, std::string>> fields;
  for (const auto& [name, value] : answer.items()) {
    fields.emplace_back(name, value.is_string() ? value.get<std::string>() : value.dump());
  }
  PrintFields(fields);
}

// "healthy" of the daemon, "ok" of the HSM.
bool IsGood(const std::string& status) { return status == "healthy" || status == "ok"; }

Result<int> Health(const Context& context, const HealthOptions& options) {
  TRY(ApiClient api, context.Anonymous());
  TRY(const Json answer, api.Get(options.hsm ? "/v1/health/hsm" : "/v1/health"));
  if (context.json()) {
    PrintJson(answer);
  } else {
    PrintText(answer);
  }
  return IsGood(TextOf(answer, "status")) ? kExitOk : kExitFailed;
}

}  // namespace

void AddHealth(CLI::App& app, Action& chosen) {
  auto options = std::make_shared<HealthOptions>();
  auto* health = app.add_subcommand("health", "Ask the server how it is");
  health->add_flag("--hsm", options->hsm, "Ask about the hardware security module");
  Choose(health, chosen, options, Health);
}

}  // namespace claviger::cli
