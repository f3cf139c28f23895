#include <algorithm>
#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>

#include "api/audit/audit.h"

namespace claviger::api {
namespace {

using http::Method;
using http::Response;

constexpr int64_t kMaxNumber = std::numeric_limits<int64_t>::max();
constexpr size_t kMaxFilterBytes = 1024;

Error BadParameter(std::string_view name, std::string_view rule) {
  return Invalid("Parameter '" + std::string(name) + "' " + std::string(rule));
}

// A whole number, clamped to the range.
Result<int64_t> ReadNumber(const http::Request& request, std::string_view name, int64_t min, int64_t max,
                           int64_t fallback) {
  const auto text = request.Query(name);
  if (!text) return fallback;
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (end != text->data() + text->size() || error == std::errc::invalid_argument) {
    return BadParameter(name, "must be a whole number");
  }
  if (error == std::errc::result_out_of_range) number = text->front() == '-' ? min : max;
  return std::clamp(number, min, max);
}

Result<std::optional<Time>> ReadTime(const http::Request& request, std::string_view name) {
  const auto text = request.Query(name);
  if (!text) return std::optional<Time>();
  const auto time = ParseTime(*text);
  if (!time) return BadParameter(name, "must be a time such as 2026-02-27T12:00:00Z");
  return time;
}

Result<std::optional<std::string>> ReadText(const http::Request& request, std::string_view name) {
  const auto text = request.Query(name);
  if (!text) return std::optional<std::string>();
  const bool plain = std::none_of(text->begin(), text->end(),
                                  [](char c) { return static_cast<uint8_t>(c) < 0x20 || c == 0x7F; });
  if (!plain || text->size() > kMaxFilterBytes || !IsUtf8(*text)) return BadParameter(name, "is malformed");
  return std::optional<std::string>(*text);
}

Result<AuditEventFilter> ReadFilter(const http::Request& request) {
  AuditEventFilter filter;
  TRY(filter.resource_id, ReadText(request, "resource_id"));
  TRY(filter.actor_id, ReadText(request, "actor_id"));
  if (filter.actor_id) {
    const auto id = ParseUuid(*filter.actor_id);
    if (!id) return BadParameter("actor_id", "must be a UUID");
    filter.actor_id = FormatUuid(*id);
  }
  TRY(filter.action, ReadText(request, "action"));
  TRY(filter.from, ReadTime(request, "from"));
  TRY(filter.to, ReadTime(request, "to"));
  TRY(filter.limit, ReadNumber(request, "limit", 1, kMaxEvents, kDefaultEvents));
  TRY(filter.offset, ReadNumber(request, "offset", 0, kMaxNumber, 0));
  if (filter.offset > kMaxEventOffset) {
    return BadParameter("offset", "is at most 100000; narrow the times instead");
  }
  return filter;
}

Result<Response> QueryAuditEvents(AuditTrail& trail, Context& context) {
  TRY(auto filter, ReadFilter(context.request));
  TRY(const auto events, trail.Events(context.principal, std::move(filter)));
  context.audit.AddDetail("count", static_cast<int64_t>(events.size()));
  return Response::Json(200, DumpJson(EncodeAuditEvents(events)));
}

Result<Response> ExportAuditRecords(AuditTrail& trail, Context& context) {
  TRY(const auto after, ReadNumber(context.request, "after", 0, kMaxNumber, 0));
  TRY(const auto until, ReadNumber(context.request, "checkpoint", 0, kMaxNumber, kMaxNumber));
  TRY(const auto limit, ReadNumber(context.request, "limit", 1, kMaxExportRecords, kMaxExportRecords));
  context.audit.AddDetail("after", after);
  TRY(const auto records,
      trail.Records(context.principal, static_cast<uint64_t>(after), static_cast<uint64_t>(until), limit));
  return Response::Json(200, EncodeRecordPage(records));
}

Result<Response> ListAuditCheckpoints(AuditTrail& trail, Context& context) {
  TRY(const auto after, ReadNumber(context.request, "after", 0, kMaxNumber, 0));
  TRY(const auto limit,
      ReadNumber(context.request, "limit", 1, kMaxExportCheckpoints, kMaxExportCheckpoints));
  context.audit.AddDetail("after", after);
  TRY(const auto checkpoints, trail.Checkpoints(static_cast<uint64_t>(after), limit));
  return Response::Json(200, EncodeCheckpointPage(checkpoints));
}

}  // namespace

std::vector<Route> AuditRoutes(AuditTrail& trail, std::string key_set) {
  const auto bind = [&trail](Result<Response> (*handler)(AuditTrail&, Context&)) {
    return [&trail, handler](Context& context) { return handler(trail, context); };
  };
  return {
      {.method = Method::kGet,
       .pattern = "/v1/audit/events",
       .operation_id = "queryAuditEvents",
       .action = "audit.read",
       .handler = bind(QueryAuditEvents)},
      {.method = Method::kGet,
       .pattern = "/v1/audit/export",
       .operation_id = "exportAuditRecords",
       .auth = AuthKind::kUser,
       .action = "audit.export",
       .handler = bind(ExportAuditRecords)},
      {.method = Method::kGet,
       .pattern = "/v1/audit/checkpoints",
       .operation_id = "listAuditCheckpoints",
       .auth = AuthKind::kUser,
       .action = "audit.export",
       .handler = bind(ListAuditCheckpoints)},
      {.method = Method::kGet,
       .pattern = "/v1/audit/keys",
       .operation_id = "getAuditKeySet",
       .auth = AuthKind::kNone,
       .runs_on = RunsOn::kIoThread,
       .handler = [key_set = std::move(key_set)](Context&) -> Result<Response> {
         return Response::Json(200, key_set);
       }},
  };
}

}  // namespace claviger::api
