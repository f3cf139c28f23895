#include <nlohmann/json.hpp>

#include "crypto/audit_bundle.h"
#include "crypto/audit_merkle.h"
#include "crypto/audit_seal.h"

namespace claviger::crypto {
namespace {

using Json = nlohmann::ordered_json;

// Invalid UTF-8 cannot come from PostgreSQL; were it here, the replaced text would fail its hash.
std::string Line(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace

std::string ExportHeaderLine(const OrgId& org, Time exported_at) {
  return Line({{"type", "header"},
               {"format", "claviger/audit-export/1"},
               {"org_id", org.ToString()},
               {"exported_at", FormatTime(exported_at)}});
}

std::string BundleHeaderLine(const OrgId& org, const BundlePeriod& period, Time exported_at) {
  return Line({{"type", "header"},
               {"format", kBundleFormat},
               {"org_id", org.ToString()},
               {"from", FormatTime(period.from)},
               {"to", FormatTime(period.to)},
               {"prev_event_id", period.previous_id ? Json(period.previous_id->ToString()) : Json()},
               {"exported_at", FormatTime(exported_at)}});
}

std::string BundleKeysLine(std::string_view jwks) { return Line({{"type", "keys"}, {"jwks", jwks}}); }

std::string ExportCheckpointLine(const AuditCheckpoint& checkpoint) {
  Json leaves = Json::array();
  for (const AuditLeaf& leaf : SortedByTag(checkpoint.leaves)) {
    leaves.push_back(Json::array({HexEncode(leaf.tag), leaf.count, HexEncode(leaf.head)}));
  }
  return Line({{"type", "checkpoint"},
               {"number", checkpoint.number},
               {"previous", HexEncode(checkpoint.previous)},
               {"root", HexEncode(checkpoint.root)},
               {"total_records", checkpoint.total_records},
               {"created_at", FormatTime(checkpoint.created_at)},
               {"kid", checkpoint.kid},
               {"signature", Base64UrlEncode(checkpoint.signature)},
               {"leaves", std::move(leaves)}});
}

std::string ExportRecordLine(const AuditVerifier::LinkedRecord& linked) {
  const AuditRecord& record = linked.record;
  return Line({{"type", "record"},
               {"sequence", linked.sequence},
               {"id", record.id.ToString()},
               {"prev_event_id", linked.previous_id ? Json(linked.previous_id->ToString()) : Json()},
               {"org_id", record.org.ToString()},
               {"actor_type", record.actor_type},
               {"actor_id", record.actor_id},
               {"action", record.action},
               {"resource_type", record.resource_type},
               {"resource_id", record.resource_id},
               {"outcome", record.outcome},
               {"details", record.details},
               {"ip_address", record.ip_address},
               {"request_id", record.request_id},
               {"created_at", FormatTime(record.created_at)},
               {"integrity_hash", HexEncode(linked.integrity_hash)}});
}

std::string ExportEndLine(uint64_t checkpoints, uint64_t records) {
  return Line({{"type", "end"}, {"checkpoints", checkpoints}, {"records", records}});
}

}  // namespace claviger::crypto
