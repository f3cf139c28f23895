#include "cli/agent_name.h"

namespace claviger::cli {

Result<Json> FindAgent(ApiClient& api, const std::string& name_or_id) {
  TRY(Json answer, api.GetList("/v1/agents", "agents"));
  TRY(const Json agents, ListOf(std::move(answer), "agents"));
  std::vector<Json> named;
  for (const Json& agent : agents) {
    if (TextOf(agent, "id") == name_or_id) return agent;
    if (TextOf(agent, "name") == name_or_id) named.push_back(agent);
  }
  if (named.empty()) return NotFound("There is no agent of this name or id");
  if (named.size() > 1) return Conflict("Several agents have this name; give the id");
  return named.front();
}

std::string AgentTarget(const std::string& agent_id) { return "/v1/agents/" + agent_id; }

}  // namespace claviger::cli
