#pragma once
// The API's own description, docs/openapi.yaml, as the program serves it. The build puts its text into the
// binary, so that what is served is what this program was built and tested with.

#include <string_view>
#include <vector>

#include "api/routes.h"

namespace claviger::api {

// The text of docs/openapi.yaml.
extern const std::string_view kOpenapiDocument;

// getOpenapi.
std::vector<Route> OpenapiRoutes();

}  // namespace claviger::api
