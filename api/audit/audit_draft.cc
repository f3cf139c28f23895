#include "api/audit/audit_draft.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "api/json/json.h"

namespace claviger::api {
namespace {

constexpr size_t kMaxDetailBytes = 1024;

// Shortens without leaving half a character, and drops NUL: PostgreSQL's JSON functions cannot read it.
std::string Bounded(std::string_view text) {
  size_t size = std::min(text.size(), kMaxDetailBytes);
  while (size > 0 && size < text.size() && (static_cast<uint8_t>(text[size]) & 0xC0) == 0x80) --size;
  std::string bounded(text.substr(0, size));
  std::erase(bounded, '\0');
  return bounded;
}

}  // namespace

AuditDraft::AuditDraft(const http::Request& request, std::string action, std::string operation)
    : action_(std::move(action)), ip_address_(request.client.text), request_id_(FormatUuid(request.id)) {
  text_details_.emplace_back("operation", std::move(operation));
}

void AuditDraft::SetActor(const Principal& principal) {
  SetActor(crypto::Name(principal.type), FormatUuid(principal.id), principal.org);
  if (!principal.key.IsNil()) AddDetail("api_key_id", principal.key.ToString());
}

void AuditDraft::SetActor(std::string type, std::string id, const OrgId& org) {
  actor_type_ = std::move(type);
  actor_id_ = std::move(id);
  org_ = org;
}

void AuditDraft::SetResource(std::string type, std::string id) {
  resource_type_ = std::move(type);
  resource_id_ = std::move(id);
}

void AuditDraft::AddDetail(std::string_view name, std::string_view value) {
  text_details_.emplace_back(name, Bounded(value));
}

void AuditDraft::AddDetail(std::string_view name, int64_t value) {
  number_details_.emplace_back(name, value);
}

void AuditDraft::Explain(std::string_view reason) {
  const bool explained = std::any_of(text_details_.begin(), text_details_.end(),
                                     [](const auto& detail) { return detail.first == "reason"; });
  if (!explained) AddDetail("reason", reason);
}

crypto::AuditRecord AuditDraft::Finish(const Clock& clock, Random& random, std::string_view outcome) const {
  Json details = Json::object();
  for (const auto& [name, value] : text_details_) details[name] = value;
  for (const auto& [name, value] : number_details_) details[name] = value;

  const Time now = clock.Now();
  crypto::AuditRecord record;
  record.id = EventId{NewUuidV7(now, random)};  // of the same instant: the order of ids is the order of times
  record.org = org_;
  record.actor_type = actor_type_;
  record.actor_id = actor_id_;
  record.action = action_;
  record.resource_type = resource_type_;
  record.resource_id = resource_id_;
  record.outcome = outcome;
  record.details = DumpJson(details);
  record.ip_address = ip_address_;
  record.request_id = request_id_;
  record.created_at = now;
  return record;
}

}  // namespace claviger::api
