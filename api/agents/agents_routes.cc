#include <nlohmann/json.hpp>

#include "api/agents/agents.h"

namespace claviger::api {
namespace {

using http::Method;
using http::Response;

// The `agent_id` of a route, noted in the audit record; a malformed one reads exactly as an absent one.
Result<AgentId> AgentIdOf(Context& context) {
  const auto id = AgentId::Parse(context.params.find("agent_id")->second);
  if (!id && context.principal.type == PrincipalType::kAgent) return Forbidden("Insufficient permissions");
  if (!id) return NotFound("Agent not found");
  context.audit.SetResource("agent", id->ToString());
  return *id;
}

Result<Response> CreateAgent(Agents& agents, const Clock& clock, Context& context) {
  TRY(auto request, DecodeCreateAgent(context.request.body, clock.Now()));
  TRY(const auto made, agents.Create(context.principal, std::move(request), context.audit));
  return Response::Json(201, EncodeAgentWithKey(made.agent, made.key));
}

Result<Response> ListAgents(Agents& agents, Context& context) {
  TRY(const auto limit, http::ReadLimit(context.request));
  std::optional<AgentId> after;
  if (const auto text = context.request.Query("after")) {
    after = AgentId::Parse(*text);
    if (!after) return Invalid("after must be a UUID");
  }
  TRY(const auto page, agents.List(context.principal, after, limit));
  auto response = Response::Json(200, DumpJson(EncodeAgentList(page.items)));
  if (!page.complete) {
    http::AddNextLink(
        response, "/v1/agents?limit=" + std::to_string(limit) + "&after=" + page.items.back().id.ToString());
  }
  return response;
}

Result<Response> GetAgentSelf(Agents& agents, Context& context) {
  const AgentId id{context.principal.id};
  context.audit.SetResource("agent", id.ToString());
  TRY(const auto agent, agents.Get(context.principal, id));
  return Response::Json(200, DumpJson(EncodeAgentSelf(agent, context.principal.org)));
}

Result<Response> GetAgent(Agents& agents, Context& context) {
  TRY(const auto id, AgentIdOf(context));
  TRY(const auto agent, agents.Get(context.principal, id));
  return Response::Json(200, DumpJson(EncodeAgent(agent)));
}

Result<Response> UpdateAgent(Agents& agents, Context& context) {
  TRY(const auto id, AgentIdOf(context));
  TRY(const auto agent, agents.Update(context.principal, id, context.request.body, context.audit));
  return Response::Json(200, DumpJson(EncodeAgent(agent)));
}

Result<Response> DeleteAgent(Agents& agents, Context& context) {
  TRY(const auto id, AgentIdOf(context));
  TRYV(agents.Deactivate(context.principal, id, context.audit));
  return Response::NoContent();
}

Result<Response> RotateAgentKey(Agents& agents, Context& context) {
  TRY(const auto id, AgentIdOf(context));
  TRY(const auto rotated, agents.RotateKey(context.principal, id, context.audit));
  return Response::Json(200, EncodeAgentWithKey(rotated.agent, rotated.key));
}

Result<Response> AgentToken(Agents& agents, Context& context) {
  TRY(const auto request, DecodeAgentToken(context.request.body));
  TRY(const auto given, agents.Exchange(request, context.audit));
  const Json json =
      request.agent ? EncodeAgentToken(given.token) : EncodeAgentToken(given.token, given.agent);
  return Response::Json(200, DumpJson(json));
}

}  // namespace

std::vector<Route> AgentRoutes(Agents& agents, const Clock& clock) {
  const auto bind = [&agents](Result<Response> (*handler)(Agents&, Context&)) {
    return [&agents, handler](Context& context) { return handler(agents, context); };
  };
  const std::string one = "/v1/agents/{agent_id}";
  return {
      {.method = Method::kPost,
       .pattern = "/v1/agents",
       .operation_id = "createAgent",
       .auth = AuthKind::kUser,
       .action = "agent.register",
       .handler = [&agents, &clock](Context& context) { return CreateAgent(agents, clock, context); }},
      {.method = Method::kGet,
       .pattern = "/v1/agents",
       .operation_id = "listAgents",
       .auth = AuthKind::kUser,
       .action = "agent.list",
       .handler = bind(ListAgents)},
      {.method = Method::kGet,
       .pattern = "/v1/agents/me",
       .operation_id = "getAgentSelf",
       .auth = AuthKind::kAgent,
       .action = "agent.read",
       .handler = bind(GetAgentSelf)},
      {.method = Method::kGet,
       .pattern = one,
       .operation_id = "getAgent",
       .action = "agent.read",
       .handler = bind(GetAgent)},
      {.method = Method::kPatch,
       .pattern = one,
       .operation_id = "updateAgent",
       .auth = AuthKind::kUser,
       .action = "agent.update",
       .handler = bind(UpdateAgent)},
      {.method = Method::kDelete,
       .pattern = one,
       .operation_id = "deleteAgent",
       .auth = AuthKind::kUser,
       .action = "agent.deactivate",
       .handler = bind(DeleteAgent)},
      {.method = Method::kPost,
       .pattern = one + "/rotate-key",
       .operation_id = "rotateAgentKey",
       .auth = AuthKind::kUser,
       .action = "agent.rotate_key",
       .handler = bind(RotateAgentKey)},
      // An exchange is recorded as a failure until it has succeeded.
      {.method = Method::kPost,
       .pattern = "/v1/auth/agent-token",
       .operation_id = "agentToken",
       .auth = AuthKind::kNone,
       .action = "auth.failure",
       .handler = bind(AgentToken)},
  };
}

}  // namespace claviger::api
