#pragma once
// The parameters of the audit routes.

#include "api/audit/audit_wire.h"
#include "api/http/message.h"

namespace claviger::api {

// GET /v1/audit/events. kInvalid, naming the parameter, if one is malformed or `offset` is beyond
// kMaxEventOffset; `limit` is clamped to its range.
Result<AuditEventFilter> ReadEventFilter(const http::Request& request);

// kInvalid, naming the parameter, if it is malformed.
Result<std::optional<Time>> ReadTime(const http::Request& request, std::string_view name);

// A whole number, clamped to the range; kInvalid if it is none.
Result<int64_t> ReadNumber(const http::Request& request, std::string_view name, int64_t min, int64_t max,
                           int64_t fallback);

}  // namespace claviger::api
