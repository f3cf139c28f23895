#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "api/org/org_wire.h"
#include "cli/command.h"
#include "cli/context.h"
#include "cli/exit_code.h"
#include "cli/http_client.h"
#include "cli/member_name.h"
#include "cli/output.h"
#include "cli/terminal.h"

namespace claviger::cli {
namespace {

struct OrgOptions {
  api::InviteMemberRequest invitation;
  std::string member;  // an address or an id
  std::string role;
  bool yes = false;
};

void PrintMember(const Json& member) {
  PrintFields({{"id", TextOf(member, "id")},
               {"email", TextOf(member, "email")},
               {"name", TextOf(member, "display_name")},
               {"role", TextOf(member, "role")},
               {"created", TextOf(member, "created_at")}});
}

Result<int> ListMembers(const Context& context, const OrgOptions&) {
  TRY(ApiClient api, context.LoggedIn());
  TRY(Json answer, api.GetList(kMembers, "members"));
  if (context.json()) {
    PrintJson(answer);
    return kExitOk;
  }
  TRY(const Json members, ListOf(std::move(answer), "members"));
  std::vector<std::vector<std::string>> rows;
  for (const Json& member : members) {
    rows.push_back({TextOf(member, "email"), TextOf(member, "role"), TextOf(member, "display_name"),
                    TextOf(member, "id")});
  }
  PrintTable({"EMAIL", "ROLE", "NAME", "ID"}, rows);
  return kExitOk;
}

Result<int> Invite(const Context& context, const OrgOptions& options) {
  TRY(ApiClient api, context.LoggedIn());
  TRY(const Json answer, api.Post("/v1/org/invite", api::EncodeInviteMember(options.invitation)));
  if (context.json()) PrintJson(answer);
  Notice("Invited " + Printable(options.invitation.email) + " as " + options.invitation.role);
  return kExitOk;
}

Result<int> SetRole(const Context& context, const OrgOptions& options) {
  TRY(ApiClient api, context.LoggedIn());
  TRY(const std::string id, FindMember(api, options.member));
  TRY(const Json member,
      api.Patch(std::string(kMembers) + "/" + EscapeSegment(id), api::EncodeUpdateMember(options.role)));
  if (context.json()) {
    PrintJson(member);
  } else {
    PrintMember(member);
  }
  return kExitOk;
}

Result<int> Remove(const Context& context, const OrgOptions& options) {
  TRY(ApiClient api, context.LoggedIn());
  TRY(const std::string id, FindMember(api, options.member));
  if (!options.yes) {
    auto sure = Confirm("Remove " + Printable(options.member) + " and delete their account?");
    if (!sure) return UsageError("Removing needs a confirmation: answer on a terminal, or give --yes");
    if (!sure.value()) {
      Notice("Nobody was removed");
      return kExitFailed;
    }
  }
  TRYV(api.Delete(std::string(kMembers) + "/" + EscapeSegment(id)));
  if (context.json()) PrintJson({{"removed", id}});
  Notice("Removed " + Printable(options.member));
  return kExitOk;
}

}  // namespace

void AddOrg(CLI::App& app, Action& chosen) {
  auto* group = app.add_subcommand("org", "Manage the people of the organisation");
  group->require_subcommand(1);
  auto options = std::make_shared<OrgOptions>();

  Choose(group->add_subcommand("members", "List the organisation's members"), chosen, options, ListMembers);

  auto* invite = group->add_subcommand("invite", "Invite somebody by mail");
  invite->add_option("email", options->invitation.email, "Their address")->required();
  invite->add_option("--role", options->invitation.role, "member (the default), auditor, admin or owner")
      ->check(CLI::IsMember({"owner", "admin", "member", "auditor"}));
  Choose(invite, chosen, options, Invite);

  auto* role = group->add_subcommand("role", "Change a member's role");
  role->add_option("member", options->member, "Their address or id")->required();
  role->add_option("role", options->role, "owner, admin, member or auditor")
      ->required()
      ->check(CLI::IsMember({"owner", "admin", "member", "auditor"}));
  Choose(role, chosen, options, SetRole);

  auto* remove = group->add_subcommand("remove", "Remove a member and delete their account");
  remove->add_option("member", options->member, "Their address or id")->required();
  remove->add_flag("--yes", options->yes, "Do not ask");
  Choose(remove, chosen, options, Remove);
}

}  // namespace claviger::cli
