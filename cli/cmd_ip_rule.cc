#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "api/ip_rules/ip_rules_wire.h"
#include "cli/command.h"
#include "cli/context.h"
#include "cli/exit_code.h"
#include "cli/http_client.h"
#include "cli/output.h"
#include "cli/terminal.h"

namespace claviger::cli {
namespace {

constexpr const char* kRules = "/v1/security/ip-rules";

struct IpRuleOptions {
  api::CreateIpRuleRequest rule;
  std::string id;
  bool yes = false;
};

Result<int> Add(const Context& context, const IpRuleOptions& options) {
  TRY(ApiClient api, context.LoggedIn());
  TRY(const Json rule, api.Post(kRules, api::EncodeCreateIpRule(options.rule)));
  if (context.json()) {
    PrintJson(rule);
  } else {
    PrintFields({{"id", TextOf(rule, "id")},
                 {"type", TextOf(rule, "rule_type")},
                 {"network", TextOf(rule, "cidr")},
                 {"applies to", TextOf(rule, "applies_to")},
                 {"label", TextOf(rule, "label")}});
  }
  return kExitOk;
}

Result<int> List(const Context& context, const IpRuleOptions&) {
  TRY(ApiClient api, context.LoggedIn());
  TRY(Json answer, api.GetList(kRules, "rules"));
  if (context.json()) {
    PrintJson(answer);
    return kExitOk;
  }
  TRY(const Json rules, ListOf(std::move(answer), "rules"));
  std::vector<std::vector<std::string>> rows;
  for (const Json& rule : rules) {
    rows.push_back({TextOf(rule, "id"), TextOf(rule, "rule_type"), TextOf(rule, "cidr"),
                    TextOf(rule, "applies_to"), TextOf(rule, "created_at"), TextOf(rule, "label")});
  }
  PrintTable({"ID", "TYPE", "NETWORK", "APPLIES TO", "CREATED", "LABEL"}, rows);
  return kExitOk;
}

Result<int> Remove(const Context& context, const IpRuleOptions& options) {
  TRY(ApiClient api, context.LoggedIn());
  if (!options.yes) {
    auto sure = Confirm("Remove the IP rule " + Printable(options.id) + "?");
    if (!sure) return UsageError("Removing needs a confirmation: answer on a terminal, or give --yes");
    if (!sure.value()) {
      Notice("Nothing was removed");
      return kExitFailed;
    }
  }
  TRYV(api.Delete(std::string(kRules) + "/" + EscapeSegment(options.id)));
  if (context.json()) PrintJson({{"deleted", options.id}});
  Notice("Removed the IP rule " + Printable(options.id));
  return kExitOk;
}

}  // namespace

void AddIpRule(CLI::App& app, Action& chosen) {
  auto* group = app.add_subcommand("ip-rule", "Say from which addresses the organisation may be used");
  group->require_subcommand(1);
  auto options = std::make_shared<IpRuleOptions>();

  auto* list = group->add_subcommand("list", "List the organisation's IP rules");
  Choose(list, chosen, options, List);

  auto* add = group->add_subcommand("add", "Add an IP rule");
  add->add_option("type", options->rule.rule_type, "allow, deny or block (the same as deny)")
      ->required()
      ->check(CLI::IsMember({"allow", "deny", "block"}));
  add->add_option("network", options->rule.cidr, "A network such as 192.0.2.0/24, or a single address")
      ->required();
  add->add_option("--applies-to", options->rule.applies_to, "all (the default), users or agents")
      ->check(CLI::IsMember({"all", "users", "agents"}));
  add->add_option("--label", options->rule.label, "What it is for");
  Choose(add, chosen, options, Add);

  auto* remove = group->add_subcommand("remove", "Remove an IP rule");
  remove->add_option("id", options->id, "Its id")->required();
  remove->add_flag("--yes", options->yes, "Do not ask");
  Choose(remove, chosen, options, Remove);
}

}  // namespace claviger::cli
