#include <nlohmann/json.hpp>

#include "api/ip_rules/ip_rules.h"

namespace claviger::api {
namespace {

using http::Method;
using http::Response;

Result<Response> ListIpRules(IpRules& rules, Context& context) {
  TRY(const auto limit, http::ReadLimit(context.request));
  std::optional<IpRuleId> after;
  if (const auto text = context.request.Query("after")) {
    after = IpRuleId::Parse(*text);
    if (!after) return Invalid("after must be a UUID");
  }
  TRY(const auto page, rules.List(context.principal, after, limit));
  auto response = Response::Json(200, DumpJson(EncodeIpRuleList(page.items)));
  if (!page.complete) {
    http::AddNextLink(response, "/v1/security/ip-rules?limit=" + std::to_string(limit) +
                                    "&after=" + page.items.back().id.ToString());
  }
  return response;
}

Result<Response> CreateIpRule(IpRules& rules, Context& context) {
  TRY(auto request, DecodeCreateIpRule(context.request.body));
  TRY(const auto rule,
      rules.Create(context.principal, context.request.client, std::move(request), context.audit));
  return Response::Json(201, DumpJson(EncodeIpRule(rule)));
}

Result<Response> DeleteIpRule(IpRules& rules, Context& context) {
  const auto id = IpRuleId::Parse(context.params.find("rule_id")->second);
  // A malformed id reads exactly as an absent one.
  if (id) context.audit.SetResource("ip_rule", id->ToString());
  TRYV(rules.Delete(context.principal, context.request.client, id.value_or(IpRuleId{}), context.audit));
  return Response::NoContent();
}

}  // namespace

std::vector<Route> IpRuleRoutes(IpRules& rules) {
  const auto bind = [&rules](Result<Response> (*handler)(IpRules&, Context&)) {
    return [&rules, handler](Context& context) { return handler(rules, context); };
  };
  return {
      {.method = Method::kGet,
       .pattern = "/v1/security/ip-rules",
       .operation_id = "listIpRules",
       .auth = AuthKind::kUser,
       .action = "ip_rule.list",
       .handler = bind(ListIpRules),
       .open_to_local_owner = true},
      {.method = Method::kPost,
       .pattern = "/v1/security/ip-rules",
       .operation_id = "createIpRule",
       .auth = AuthKind::kUser,
       .action = "ip_rule.create",
       .handler = bind(CreateIpRule),
       .open_to_local_owner = true},
      {.method = Method::kDelete,
       .pattern = "/v1/security/ip-rules/{rule_id}",
       .operation_id = "deleteIpRule",
       .auth = AuthKind::kUser,
       .action = "ip_rule.delete",
       .handler = bind(DeleteIpRule),
       .open_to_local_owner = true},
  };
}

}  // namespace claviger::api
