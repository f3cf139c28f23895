#include <limits>
#include <nlohmann/json.hpp>

#include "api/audit/audit.h"
#include "api/audit/audit_query.h"

namespace claviger::api {
namespace {

using http::Method;
using http::Response;

constexpr int64_t kMaxNumber = std::numeric_limits<int64_t>::max();

// Texts are recorded as they were given; they hold no control characters.
void RecordFilter(const AuditEventFilter& filter, AuditDraft& audit) {
  const auto record = [&audit](std::string_view name, const std::optional<std::string>& value) {
    if (value) audit.AddDetail(name, *value);
  };
  record("by_resource_type", filter.resource_type);
  record("by_resource_id", filter.resource_id);
  record("by_actor_id", filter.actor_id);
  record("by_action", filter.action);
  record("by_outcome", filter.outcome);
  if (filter.from) audit.AddDetail("from", FormatTime(*filter.from));
  if (filter.to) audit.AddDetail("to", FormatTime(*filter.to));
  if (filter.before) audit.AddDetail("before", filter.before->ToString());
  if (filter.offset != 0) audit.AddDetail("offset", filter.offset);
}

Result<Response> QueryAuditEvents(AuditTrail& trail, Context& context) {
  TRY(auto filter, ReadEventFilter(context.request));
  RecordFilter(filter, context.audit);
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

Result<Response> GetAuditPeriod(AuditTrail& trail, Context& context) {
  TRY(const auto from, ReadTime(context.request, "from"));
  TRY(const auto to, ReadTime(context.request, "to"));
  if (!from || !to || *to < *from) return Invalid("'from' and 'to' must be given, the earlier one first");
  context.audit.AddDetail("from", FormatTime(*from));
  context.audit.AddDetail("to", FormatTime(*to));
  TRY(const auto checkpoints, trail.Period(context.principal, *from, *to));
  return Response::Json(200, EncodeCheckpointPage(checkpoints));
}

}  // namespace

std::vector<Route> AuditRoutes(AuditTrail& trail, const InstallationKeys& keys) {
  const auto bind = [&trail](Result<Response> (*handler)(AuditTrail&, Context&)) {
    return [&trail, handler](Context& context) { return handler(trail, context); };
  };
  return {
      {.method = Method::kGet,
       .pattern = "/v1/audit/events",
       .operation_id = "queryAuditEvents",
       .action = "audit.read",
       .handler = bind(QueryAuditEvents),
       .for_auditors = true},
      {.method = Method::kGet,
       .pattern = "/v1/audit/export",
       .operation_id = "exportAuditRecords",
       .auth = AuthKind::kUser,
       .action = "audit.export",
       .handler = bind(ExportAuditRecords),
       .for_auditors = true},
      {.method = Method::kGet,
       .pattern = "/v1/audit/checkpoints",
       .operation_id = "listAuditCheckpoints",
       .auth = AuthKind::kUser,
       .action = "audit.export",
       .handler = bind(ListAuditCheckpoints),
       .for_auditors = true},
      {.method = Method::kGet,
       .pattern = "/v1/audit/period",
       .operation_id = "getAuditPeriod",
       .auth = AuthKind::kUser,
       .action = "audit.export",
       .handler = bind(GetAuditPeriod),
       .for_auditors = true},
      {.method = Method::kGet,
       .pattern = "/v1/audit/keys",
       .operation_id = "getAuditKeySet",
       .auth = AuthKind::kNone,
       .runs_on = RunsOn::kIoThread,
       .handler = [&keys](Context&) -> Result<Response> {
         return Response::Json(200, keys.Documents()->audit);
       }},
  };
}

}  // namespace claviger::api
