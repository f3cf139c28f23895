#pragma once
// One HTTP request and its answer, as the rest of api/ sees them. Framing has been checked strictly before a
// Request exists; nothing here knows the transport.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/http/client_address.h"
#include "base/clock.h"
#include "base/ids.h"

namespace claviger::api::http {

enum class Method : uint8_t { kGet, kHead, kPost, kPut, kPatch, kDelete, kOptions, kOther };
const char* Name(Method method);

// The one normal form of a request target; router, policy and audit all use it. Segments are percent-decoded
// once after splitting on '/'. Never present: empty segments, "." or "..", control bytes, NUL, malformed
// UTF-8. A decoded segment may contain '/' (from %2F): only a route's trailing wildcard accepts such a
// segment.
struct Target {
  std::vector<std::string> segments;                       // "/v1/vaults" -> {"v1", "vaults"}; "/" -> {}
  std::vector<std::pair<std::string, std::string>> query;  // decoded, in order; no duplicate names
};

struct Request {
  Method method = Method::kGet;
  Target target;
  std::vector<std::pair<std::string, std::string>> headers;  // names lower-case, values trimmed, in order
  std::string body;
  ClientAddress client;
  Uuid id{};  // made by the server; in the audit log and the X-Request-Id answer header
  SteadyTime received_at{};

  // First value of a header by lower-case name; framing headers never occur twice.
  std::optional<std::string_view> Header(std::string_view lower_name) const;
  std::optional<std::string_view> Query(std::string_view name) const;
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;                                          // empty with 204
  std::vector<std::pair<std::string, std::string>> headers;  // further headers; values without CR or LF

  static Response Json(int status, std::string body) {
    return Response{status, "application/json", std::move(body), {}};
  }
  static Response NoContent() { return Response{204, "", "", {}}; }
};

}  // namespace claviger::api::http
