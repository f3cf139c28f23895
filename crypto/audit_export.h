#pragma once
// One line of an export or a bundle, read. docs/FORMATS.md.

#include <optional>
#include <string_view>

#include "crypto/audit_bundle.h"

namespace claviger::crypto {

struct ExportHeader {
  OrgId org;
  Time exported_at{};
  std::optional<BundlePeriod> period;  // of a bundle
};
struct ExportEnd {
  uint64_t checkpoints = 0;
  uint64_t records = 0;
};

// Exactly one member is set.
struct ExportLine {
  std::optional<ExportHeader> header;
  std::optional<std::string> keys;  // a JWK set
  std::optional<AuditCheckpoint> checkpoint;
  std::optional<AuditVerifier::LinkedRecord> record;
  std::optional<ExportEnd> end;
};

// nullopt unless the writer's function makes exactly this text of what was read: so there is one spelling of
// a line, and nothing in it goes unread.
std::optional<ExportLine> ParseExportLine(std::string_view line);

}  // namespace claviger::crypto
