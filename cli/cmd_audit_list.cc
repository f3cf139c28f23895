#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/cmd_audit.h"
#include "cli/context.h"
#include "cli/exit_code.h"
#include "cli/output.h"

namespace claviger::cli {
namespace {

struct ListOptions {
  std::string resource_type;
  std::string resource_id;
  std::string actor_id;
  std::string action;
  std::string outcome;
  std::string from;
  std::string to;
  std::string before;
  int limit = 0;  // 0: the server's default
  int offset = 0;
};

std::string CheckTime(const std::string& text) {
  return ParseTime(text) ? "" : "A time looks like 2026-12-31T23:59:59Z";
}

std::string NumberOrNothing(int number) { return number > 0 ? std::to_string(number) : ""; }

std::string Joined(const std::string& type, const std::string& id) {
  return id.empty() ? type : type + ":" + id;
}

std::vector<std::string> RowOf(const Json& event) {
  const auto details = event.find("details");
  return {TextOf(event, "created_at"),
          TextOf(event, "action"),
          Joined(TextOf(event, "actor_type"), TextOf(event, "actor_id")),
          Joined(TextOf(event, "resource_type"), TextOf(event, "resource_id")),
          TextOf(event, "ip_address"),
          details != event.end() ? details->dump(-1, ' ', false, Json::error_handler_t::replace) : ""};
}

Result<int> List(const Context& context, const ListOptions& options) {
  TRY(ApiClient api, context.LoggedIn());
  TRY(Json answer, api.Get("/v1/audit/events" + QueryString({{"resource_type", options.resource_type},
                                                             {"resource_id", options.resource_id},
                                                             {"actor_id", options.actor_id},
                                                             {"action", options.action},
                                                             {"outcome", options.outcome},
                                                             {"from", options.from},
                                                             {"to", options.to},
                                                             {"before", options.before},
                                                             {"limit", NumberOrNothing(options.limit)},
                                                             {"offset", NumberOrNothing(options.offset)}})));
  if (context.json()) {
    PrintJson(answer);
    return kExitOk;
  }
  TRY(const Json events, ListOf(std::move(answer), "events"));
  std::vector<std::vector<std::string>> rows;
  for (const Json& event : events) rows.push_back(RowOf(event));
  PrintTable({"TIME", "ACTION", "ACTOR", "RESOURCE", "ADDRESS", "DETAILS"}, rows);
  return kExitOk;
}

}  // namespace

void AddAuditList(CLI::App& group, Action& chosen) {
  auto options = std::make_shared<ListOptions>();
  auto* list = group.add_subcommand("list", "List audit events, newest first");
  list->add_option("--resource-type", options->resource_type,
                   "Only on resources of this type, such as secret");
  list->add_option("--resource-id", options->resource_id, "Only events on this resource");
  list->add_option("--actor-id", options->actor_id, "Only events of this person or agent");
  list->add_option("--action", options->action, "Only this action, such as secret.read");
  list->add_option("--outcome", options->outcome, "Only with this outcome")
      ->check(CLI::IsMember({"success", "denied", "failed", "unknown"}));
  list->add_option("--from", options->from, "Not before this time (RFC 3339)")->check(CheckTime);
  list->add_option("--to", options->to, "Not after this time (RFC 3339)")->check(CheckTime);
  list->add_option("--before", options->before, "Only behind this event (id): the next page");
  list->add_option("--limit", options->limit, "At most so many (default 100, at most 1000)")
      ->check(CLI::Range(1, 1000));  // more than the server gives would look like all there is
  list->add_option("--offset", options->offset, "Skip so many")->check(CLI::Range(0, 2147483647));
  Choose(list, chosen, options, List);
}

}  // namespace claviger::cli
