#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "api/policies/policies_wire.h"
#include "cli/agent_name.h"
#include "cli/command.h"
#include "cli/context.h"
#include "cli/exit_code.h"
#include "cli/expiry_options.h"
#include "cli/http_client.h"
#include "cli/member_name.h"
#include "cli/output.h"
#include "cli/terminal.h"
#include "cli/vault_name.h"

namespace claviger::cli {
namespace {

constexpr std::array<std::string_view, 7> kDays = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

struct PolicyOptions {
  std::string vault;  // name or id
  std::string id;
  std::string pattern;
  std::string agent;  // name or id
  std::string user;   // address or id
  api::Permissions permissions;
  std::vector<std::string> networks;
  std::string hours;  // "08:00-18:00"
  std::vector<std::string> days;
  std::string zone;
  ExpiryOptions expiry;
  bool unconditional = false;
  bool never_expires = false;
  bool yes = false;
};

std::string CheckHours(const std::string& text) {
  const bool sound = text.size() == 11 && text[2] == ':' && text[5] == '-' && text[8] == ':';
  return sound ? "" : "Hours look like 08:00-18:00";
}

Json ConditionsOf(const PolicyOptions& options) {
  Json conditions = Json::object();
  if (!options.networks.empty()) conditions["ip_allowlist"] = options.networks;
  Json window = Json::object();
  if (!options.hours.empty()) {
    window["after"] = options.hours.substr(0, 5);
    window["before"] = options.hours.substr(6);
  }
  for (const auto& day : options.days) {
    window["days_of_week"].push_back(std::find(kDays.begin(), kDays.end(), day) - kDays.begin());
  }
  if (!options.zone.empty()) window["timezone"] = options.zone;
  if (!window.empty()) conditions["time_window"] = std::move(window);
  return conditions;
}

Result<std::string> PoliciesTarget(ApiClient& api, const std::string& vault) {
  TRY(const std::string id, FindVaultId(api, vault));
  return VaultTarget(id) + "/policies";
}

std::string JoinedPermissions(const Json& policy) {
  std::string joined;
  const auto found = policy.find("permissions");
  if (found == policy.end() || !found->is_array()) return joined;
  for (const Json& item : *found) {
    if (item.is_string()) joined += (joined.empty() ? "" : ",") + item.get<std::string>();
  }
  return joined;
}

std::string ConditionsText(const Json& policy) {
  const auto found = policy.find("conditions");
  return found == policy.end() || found->empty() ? "" : api::DumpJson(*found);
}

std::string PrincipalText(const Json& policy) {
  return TextOf(policy, "principal_type") + ":" + TextOf(policy, "principal_id");
}

void PrintPolicy(const Context& context, const Json& policy) {
  if (context.json()) return PrintJson(policy);
  PrintFields({{"id", TextOf(policy, "id")},
               {"pattern", TextOf(policy, "secret_path_pattern")},
               {"for", PrincipalText(policy)},
               {"permissions", JoinedPermissions(policy)},
               {"conditions", ConditionsText(policy)},
               {"expires", TextOf(policy, "expires_at")},
               {"created", TextOf(policy, "created_at")}});
}

// The agent or person that the options name.
Status SetPrincipal(ApiClient& api, const PolicyOptions& options, api::CreatePolicyRequest& request) {
  std::string id;
  if (!options.agent.empty()) {
    request.principal_type = crypto::PrincipalType::kAgent;
    TRY(const Json agent, FindAgent(api, options.agent));
    id = TextOf(agent, "id");
  } else {
    TRY(id, FindMember(api, options.user));
  }
  const auto parsed = ParseUuid(id);
  if (!parsed) return NotFound("A person is named by an address or an id");
  request.principal = *parsed;
  return Ok();
}

Result<int> Create(const Context& context, const PolicyOptions& options) {
  if (options.permissions.empty()) return UsageError("Say what it allows: --read, --write, --delete");
  TRY(ApiClient api, context.LoggedIn());
  TRY(const std::string target, PoliciesTarget(api, options.vault));
  api::CreatePolicyRequest request;
  request.pattern = options.pattern;
  TRYV(SetPrincipal(api, options, request));
  request.terms = {options.permissions, api::DumpJson(ConditionsOf(options)), options.expiry.Moment()};
  TRY(const Json policy, api.Post(target, api::EncodeCreatePolicy(request)));
  PrintPolicy(context, policy);
  return kExitOk;
}

Result<int> List(const Context& context, const PolicyOptions& options) {
  TRY(ApiClient api, context.LoggedIn());
  TRY(const std::string target, PoliciesTarget(api, options.vault));
  TRY(Json answer, api.GetList(target, "policies"));
  if (context.json()) {
    PrintJson(answer);
    return kExitOk;
  }
  TRY(const Json policies, ListOf(std::move(answer), "policies"));
  std::vector<std::vector<std::string>> rows;
  for (const Json& policy : policies) {
    rows.push_back({TextOf(policy, "id"), TextOf(policy, "secret_path_pattern"), PrincipalText(policy),
                    JoinedPermissions(policy), TextOf(policy, "expires_at"), ConditionsText(policy)});
  }
  PrintTable({"ID", "PATTERN", "FOR", "PERMISSIONS", "EXPIRES", "CONDITIONS"}, rows);
  return kExitOk;
}

Result<int> Update(const Context& context, const PolicyOptions& options) {
  Json change = Json::object();
  if (!options.permissions.empty()) change["permissions"] = api::NamesOf(options.permissions);
  const Json conditions = ConditionsOf(options);
  if (options.unconditional && !conditions.empty()) {
    return UsageError("--no-conditions does not go with conditions");
  }
  if (options.unconditional || !conditions.empty()) change["conditions"] = conditions;
  if (options.never_expires) change["expires_at"] = nullptr;
  if (const auto moment = options.expiry.Moment()) change["expires_at"] = FormatTime(*moment);
  if (change.empty()) return UsageError("Say what to change");
  TRY(ApiClient api, context.LoggedIn());
  TRY(const std::string target, PoliciesTarget(api, options.vault));
  TRY(const Json policy, api.PutText(target + "/" + EscapeSegment(options.id), api::DumpJson(change)));
  PrintPolicy(context, policy);
  return kExitOk;
}

Result<int> Delete(const Context& context, const PolicyOptions& options) {
  TRY(ApiClient api, context.LoggedIn());
  TRY(const std::string target, PoliciesTarget(api, options.vault));
  if (!options.yes) {
    auto sure = Confirm("Delete the policy " + Printable(options.id) + "?");
    if (!sure) return UsageError("Deleting needs a confirmation: answer on a terminal, or give --yes");
    if (!sure.value()) {
      Notice("Nothing was deleted");
      return kExitFailed;
    }
  }
  TRYV(api.Delete(target + "/" + EscapeSegment(options.id)));
  if (context.json()) PrintJson({{"deleted", options.id}});
  Notice("Deleted the policy " + Printable(options.id));
  return kExitOk;
}

void AddVaultName(CLI::App* command, PolicyOptions& options) {
  command->add_option("vault", options.vault, "Name or id of the vault")->required();
}

void AddPolicyId(CLI::App* command, PolicyOptions& options) {
  command->add_option("id", options.id, "Its id")->required();
}

// What it allows, when, and from where.
void AddTerms(CLI::App* command, PolicyOptions& options) {
  command->add_flag("--read", options.permissions.read, "Allow reading values, and seeing them in lists");
  command->add_flag("--write", options.permissions.write, "Allow writing, and deleting");
  command->add_flag("--delete", options.permissions.remove, "Allow deleting");
  command->add_option("--allow-ip", options.networks, "Only from this address or network (may be repeated)")
      ->allow_extra_args(false);
  command->add_option("--hours", options.hours, "Only between these times of day: 08:00-18:00")
      ->check(CheckHours);
  command->add_option("--days", options.days, "Only on these days: mon,tue,wed,thu,fri")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::IsMember(std::vector<std::string>(kDays.begin(), kDays.end())));
  command->add_option("--timezone", options.zone, "Whose clocks count, such as Europe/Berlin; else UTC");
  AddExpiryOptions(*command, options.expiry, "When it ends");
}

}  // namespace

void AddPolicy(CLI::App& app, Action& chosen) {
  auto* group = app.add_subcommand("policy", "Say who may touch which secrets of a vault");
  group->require_subcommand(1);
  auto options = std::make_shared<PolicyOptions>();

  auto* create = group->add_subcommand("create", "Make a policy");
  AddVaultName(create, *options);
  create->add_option("pattern", options->pattern, "Of paths: '*' is one segment, '**' any number: 'db/**'")
      ->required();
  auto* principal = create->add_option_group("principal");
  principal->add_option("--agent", options->agent, "For this agent, by name or id");
  principal->add_option("--user", options->user, "For this person, by address or id");
  principal->require_option(1);
  AddTerms(create, *options);
  Choose(create, chosen, options, Create);

  auto* list = group->add_subcommand("list", "List the policies of a vault");
  AddVaultName(list, *options);
  Choose(list, chosen, options, List);

  auto* update = group->add_subcommand("update", "Change what a policy allows; what is not given stays");
  AddVaultName(update, *options);
  AddPolicyId(update, *options);
  AddTerms(update, *options);
  update->add_flag("--no-conditions", options->unconditional, "At any time, from anywhere");
  update->add_flag("--no-expiry", options->never_expires, "It does not end")
      ->excludes("--expires-at")
      ->excludes("--expires-in");
  Choose(update, chosen, options, Update);

  auto* remove = group->add_subcommand("delete", "Delete a policy");
  AddVaultName(remove, *options);
  AddPolicyId(remove, *options);
  remove->add_flag("--yes", options->yes, "Do not ask");
  Choose(remove, chosen, options, Delete);
}

}  // namespace claviger::cli
