#pragma once
// Agents as a person names them, and as the API addresses them.

#include <string>

#include "base/error.h"
#include "cli/api_client.h"

namespace claviger::cli {

// By id, or by a name that one agent alone has. kNotFound if there is none, kConflict if there are several.
Result<Json> FindAgent(ApiClient& api, const std::string& name_or_id);

// "/v1/agents/{id}".
std::string AgentTarget(const std::string& agent_id);

}  // namespace claviger::cli
