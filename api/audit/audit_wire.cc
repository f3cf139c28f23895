#include "api/audit/audit_wire.h"

#include <nlohmann/json.hpp>

namespace claviger::api {
namespace {

// A page is at most kMaxExportRecords long, a checkpoint has at most one leaf for each record it links.
constexpr JsonLimits kPageLimits{8, 1000};

Json MergedDetails(const crypto::AuditRecord& record) {
  auto parsed = ParseJsonObject(record.details);
  Json details = parsed.has_value() ? std::move(parsed).value() : Json::object();
  details["outcome"] = record.outcome;
  details["request_id"] = record.request_id;
  return details;
}

template <class Element>
std::string EncodePage(std::string_view name, const std::vector<Element>& elements,
                       std::string (*encode)(const Element&)) {
  std::string page = "{\"" + std::string(name) + "\":[";
  size_t count = 0;
  for (const Element& element : elements) {
    const std::string text = encode(element);
    if (count > 0 && page.size() + text.size() > kMaxExportPageBytes) break;
    if (count > 0) page += ',';
    page += text;
    ++count;
  }
  return page + "],\"count\":" + std::to_string(count) + "}";
}

Result<ExportPage> DecodePage(std::string_view body, std::string_view name, std::string_view number) {
  TRYV(ParseJson(body, kPageLimits));
  // Read once more keeping the order of members: a line has one spelling, the writer's.
  const auto json = nlohmann::ordered_json::parse(body);
  const auto elements = json.find(name);
  if (elements == json.end() || !elements->is_array()) return Invalid("The page has no list of that name");
  ExportPage page;
  for (const auto& element : *elements) {
    const auto value = element.is_object() ? element.find(number) : element.end();
    if (!element.is_object() || value == element.end() || !value->is_number_unsigned()) {
      return Invalid("The page holds a malformed element");
    }
    page.last = value->get<uint64_t>();
    page.lines.push_back(element.dump());
  }
  return page;
}

}  // namespace

Json EncodeAuditEvent(const AuditEvent& event) {
  const crypto::AuditRecord& record = event.record;
  Json json = {{"id", record.id.ToString()},        {"org_id", record.org.ToString()},
               {"actor_type", record.actor_type},   {"actor_id", record.actor_id},
               {"action", record.action},           {"resource_type", record.resource_type},
               {"resource_id", record.resource_id}, {"details", MergedDetails(record)},
               {"ip_address", record.ip_address},   {"created_at", FormatTime(record.created_at)}};
  if (event.link) {
    json["sequence"] = event.link->sequence;
    json["integrity_hash"] = HexEncode(event.link->integrity_hash);
    if (event.link->previous_id) json["prev_event_id"] = event.link->previous_id->ToString();
  }
  return json;
}

Json EncodeAuditEvents(const std::vector<AuditEvent>& events) {
  Json list = Json::array();
  for (const auto& event : events) list.push_back(EncodeAuditEvent(event));
  return {{"events", std::move(list)}, {"count", events.size()}};
}

std::string EncodeRecordPage(const std::vector<crypto::AuditVerifier::LinkedRecord>& records) {
  return EncodePage("records", records, crypto::ExportRecordLine);
}

std::string EncodeCheckpointPage(const std::vector<crypto::AuditCheckpoint>& checkpoints) {
  return EncodePage("checkpoints", checkpoints, crypto::ExportCheckpointLine);
}

Result<ExportPage> DecodeRecordPage(std::string_view body) { return DecodePage(body, "records", "sequence"); }

Result<ExportPage> DecodeCheckpointPage(std::string_view body) {
  return DecodePage(body, "checkpoints", "number");
}

}  // namespace claviger::api
