#include <nlohmann/json.hpp>

#include "api/policies/policies.h"
#include "api/vaults/vaults.h"

namespace claviger::api {
namespace {

using http::Method;
using http::Response;

// A malformed id reads exactly as an absent one.
PolicyId PolicyIdOf(Context& context) {
  const auto id = PolicyId::Parse(context.params.find("policy_id")->second);
  if (id) context.audit.SetResource("policy", id->ToString());
  return id.value_or(PolicyId{});
}

Result<Response> Answer(int status, const Policy& policy) {
  TRY(const auto json, EncodePolicy(policy));
  return Response::Json(status, DumpJson(json));
}

Result<Response> CreatePolicy(Policies& policies, const Clock& clock, Context& context) {
  TRY(const auto vault, VaultIdOf(context));
  TRY(auto request, DecodeCreatePolicy(context.request.body, clock.Now()));
  TRY(const auto policy, policies.Create(context.principal, vault, std::move(request), context.audit));
  return Answer(201, policy);
}

Result<Response> ListPolicies(Policies& policies, Context& context) {
  TRY(const auto vault, VaultIdOf(context));
  TRY(const auto limit, http::ReadLimit(context.request));
  std::optional<PolicyId> after;
  if (const auto text = context.request.Query("after")) {
    after = PolicyId::Parse(*text);
    if (!after) return Invalid("after must be a UUID");
  }
  TRY(const auto page, policies.List(context.principal, vault, after, limit, context.audit));
  TRY(const auto json, EncodePolicyList(page.items));
  auto response = Response::Json(200, DumpJson(json));
  if (!page.complete) {
    http::AddNextLink(response, "/v1/vaults/" + vault.ToString() + "/policies?limit=" +
                                    std::to_string(limit) + "&after=" + page.items.back().id.ToString());
  }
  return response;
}

Result<Response> UpdatePolicy(Policies& policies, Context& context) {
  TRY(const auto vault, VaultIdOf(context));
  TRY(const auto policy,
      policies.Update(context.principal, vault, PolicyIdOf(context), context.request.body, context.audit));
  return Answer(200, policy);
}

Result<Response> DeletePolicy(Policies& policies, Context& context) {
  TRY(const auto vault, VaultIdOf(context));
  TRYV(policies.Delete(context.principal, vault, PolicyIdOf(context), context.audit));
  return Response::NoContent();
}

}  // namespace

std::vector<Route> PolicyRoutes(Policies& policies, const Clock& clock) {
  const auto bind = [&policies](Result<Response> (*handler)(Policies&, Context&)) {
    return [&policies, handler](Context& context) { return handler(policies, context); };
  };
  const std::string all = "/v1/vaults/{vault_id}/policies";
  const std::string one = all + "/{policy_id}";
  return {
      {.method = Method::kPost,
       .pattern = all,
       .operation_id = "createPolicy",
       .action = "policy.create",
       .handler = [&policies, &clock](Context& context) { return CreatePolicy(policies, clock, context); }},
      {.method = Method::kGet,
       .pattern = all,
       .operation_id = "listPolicies",
       .action = "policy.list",
       .handler = bind(ListPolicies)},
      {.method = Method::kPut,
       .pattern = one,
       .operation_id = "updatePolicy",
       .action = "policy.update",
       .handler = bind(UpdatePolicy)},
      {.method = Method::kDelete,
       .pattern = one,
       .operation_id = "deletePolicy",
       .action = "policy.delete",
       .handler = bind(DeletePolicy)},
  };
}

}  // namespace claviger::api
