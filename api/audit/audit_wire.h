#pragma once
// The audit log as JSON: what clients send and get. Shared with the command line, which turns the export
// pages into a file that `claviger audit verify` checks without the daemon.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/json/json.h"
#include "base/clock.h"
#include "base/error.h"
#include "crypto/audit_seal.h"

namespace claviger::api {

inline constexpr int64_t kDefaultEvents = 100;
inline constexpr int64_t kMaxEvents = 1000;
inline constexpr int64_t kMaxExportRecords = 1000;
inline constexpr int64_t kMaxExportCheckpoints = 100;
// An export page ends early at this size; it holds at least one element unless there is none.
inline constexpr size_t kMaxExportPageBytes = 4 * 1024 * 1024;

// Leaving out still means reading.
inline constexpr int64_t kMaxEventOffset = 100000;

// GET /v1/audit/events. An absent filter lets everything pass.
struct AuditEventFilter {
  std::optional<std::string> resource_type = {};
  std::optional<std::string> resource_id = {};  // equals the resource's id or the path in the details
  std::optional<std::string> actor_id = {};
  std::optional<std::string> action = {};
  std::optional<std::string> outcome = {};
  std::optional<Time> from = {};       // inclusive
  std::optional<Time> to = {};         // inclusive
  std::optional<EventId> before = {};  // only what is listed behind this event: the next page
  int64_t limit = kDefaultEvents;
  int64_t offset = 0;
};

struct AuditEvent {
  crypto::AuditRecord record;
  struct Link {
    uint64_t sequence = 0;
    std::optional<EventId> previous_id;
    crypto::Digest integrity_hash{};
  };
  std::optional<Link> link;  // absent until the linker has linked the record, within about a second
};
// The record's outcome and request_id appear as members of `details`, where clients look for them.
Json EncodeAuditEvent(const AuditEvent& event);
Json EncodeAuditEvents(const std::vector<AuditEvent>& events);

// GET /v1/audit/export and /v1/audit/checkpoints: {"records": [...], "count": n} and {"checkpoints": [...],
// "count": n}. Each element is the JSON object of one line of the export file, with the same members.
std::string EncodeRecordPage(const std::vector<crypto::AuditVerifier::LinkedRecord>& records);
std::string EncodeCheckpointPage(const std::vector<crypto::AuditCheckpoint>& checkpoints);

struct ExportPage {
  std::vector<std::string> lines;  // for the export file, without line ends
  uint64_t last = 0;               // `after` of the next page; meaningless if the page is empty
};
// An empty page is the end.
Result<ExportPage> DecodeRecordPage(std::string_view body);
Result<ExportPage> DecodeCheckpointPage(std::string_view body);

}  // namespace claviger::api
