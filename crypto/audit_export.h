#pragma once
// One line of an export, read. docs/FORMATS.md.

#include <optional>
#include <string_view>

#include "crypto/audit_seal.h"

namespace claviger::crypto {

struct ExportHeader {
  OrgId org;
  Time exported_at{};
};
struct ExportEnd {
  uint64_t checkpoints = 0;
  uint64_t records = 0;
};

// Exactly one member is set.
struct ExportLine {
  std::optional<ExportHeader> header;
  std::optional<AuditCheckpoint> checkpoint;
  std::optional<AuditVerifier::LinkedRecord> record;
  std::optional<ExportEnd> end;
};

// nullopt unless the writer's function makes exactly this text of what was read: so there is one spelling of
// a line, and nothing in it goes unread.
std::optional<ExportLine> ParseExportLine(std::string_view line);

}  // namespace claviger::crypto
