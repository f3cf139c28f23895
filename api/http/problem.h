#pragma once
// RFC 9457 problem bodies: the only place that turns an ErrorKind into a status. `detail` never echoes input.

#include "api/http/message.h"
#include "base/error.h"

namespace claviger::api::http {

// A refusal because there is as much already as an organisation may have: 403, of a type of its own.
Error ResourceLimit(std::string detail);

int StatusOf(ErrorKind kind);
const char* ReasonPhrase(int status);
// 401 carries WWW-Authenticate, 429 and 503 Retry-After.
Response Problem(const Error& error);
Response Problem(int status, std::string_view detail);

}  // namespace claviger::api::http
