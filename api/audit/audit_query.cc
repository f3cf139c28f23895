#include "api/audit/audit_query.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "base/bytes.h"

namespace claviger::api {
namespace {

constexpr size_t kMaxFilterBytes = 1024;
constexpr std::array<std::string_view, 4> kOutcomes = {"success", "denied", "failed", "unknown"};

Error BadParameter(std::string_view name, std::string_view rule) {
  return Invalid("Parameter '" + std::string(name) + "' " + std::string(rule));
}

Result<std::optional<std::string>> ReadText(const http::Request& request, std::string_view name) {
  const auto text = request.Query(name);
  if (!text) return std::optional<std::string>();
  const bool plain = std::none_of(text->begin(), text->end(),
                                  [](char c) { return static_cast<uint8_t>(c) < 0x20 || c == 0x7F; });
  if (!plain || text->size() > kMaxFilterBytes || !IsUtf8(*text)) return BadParameter(name, "is malformed");
  return std::optional<std::string>(*text);
}

Result<std::optional<Uuid>> ReadId(const http::Request& request, std::string_view name) {
  const auto text = request.Query(name);
  if (!text) return std::optional<Uuid>();
  const auto id = ParseUuid(*text);
  if (!id) return BadParameter(name, "must be a UUID");
  return id;
}

}  // namespace

Result<std::optional<Time>> ReadTime(const http::Request& request, std::string_view name) {
  const auto text = request.Query(name);
  if (!text) return std::optional<Time>();
  const auto time = ParseTime(*text);
  if (!time) return BadParameter(name, "must be a time such as 2026-02-27T12:00:00Z");
  return time;
}

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

Result<AuditEventFilter> ReadEventFilter(const http::Request& request) {
  AuditEventFilter filter;
  TRY(filter.resource_type, ReadText(request, "resource_type"));
  TRY(filter.resource_id, ReadText(request, "resource_id"));
  TRY(const auto actor, ReadId(request, "actor_id"));
  if (actor) filter.actor_id = FormatUuid(*actor);
  TRY(filter.action, ReadText(request, "action"));
  TRY(filter.outcome, ReadText(request, "outcome"));
  if (filter.outcome && std::find(kOutcomes.begin(), kOutcomes.end(), *filter.outcome) == kOutcomes.end()) {
    return BadParameter("outcome", "must be success, denied, failed or unknown");
  }
  TRY(filter.from, ReadTime(request, "from"));
  TRY(filter.to, ReadTime(request, "to"));
  TRY(const auto before, ReadId(request, "before"));
  if (before) filter.before = EventId{*before};
  TRY(filter.limit, ReadNumber(request, "limit", 1, kMaxEvents, kDefaultEvents));
  TRY(filter.offset, ReadNumber(request, "offset", 0, std::numeric_limits<int64_t>::max(), 0));
  if (filter.offset > kMaxEventOffset) {
    return BadParameter("offset", "is at most 100000; narrow the times or use `before`");
  }
  return filter;
}

}  // namespace claviger::api
