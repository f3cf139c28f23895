#pragma once
// Members of the organisation as a person names them.

#include <string>

#include "base/error.h"
#include "cli/api_client.h"

namespace claviger::cli {

inline constexpr char kMembers[] = "/v1/org/members";

// The id of the member with that address; what is no address is an id. kNotFound if there is none.
Result<std::string> FindMember(ApiClient& api, const std::string& member);

}  // namespace claviger::cli
