#include <fmt/format.h>

#include "crypto/audit_export.h"

namespace claviger::crypto {
namespace {

constexpr size_t kMaxLine = 1024 * 1024;

}  // namespace

ExportReader::ExportReader(std::vector<PublicKey> keys) : keys_(std::move(keys)) {}

Status ExportReader::AddLine(std::string_view line) {
  if (refused_) return Invalid("The export was already refused");
  ++lines_;
  auto status = TakeLine(line);
  if (status) return status;
  refused_ = true;
  Error error = std::move(status).assume_error();
  error.detail = fmt::format("Line {}: {}", lines_, error.detail);
  return error;
}

Status ExportReader::TakeLine(std::string_view line) {
  if (line.size() > kMaxLine) return Invalid("longer than 1 MiB");
  if (ended_) return Invalid("more text behind the end line");
  const auto parsed = ParseExportLine(line);
  if (!parsed) return Invalid("not a line of an audit export");
  if (!verifier_) return TakeHeader(*parsed);
  return parsed->end ? TakeEnd(*parsed) : TakeBody(*parsed);
}

Status ExportReader::TakeHeader(const ExportLine& line) {
  if (!line.header) return Invalid("the export does not start with its header");
  org_ = line.header->org;
  verifier_.emplace(*org_, keys_);
  return Ok();
}

Status ExportReader::TakeBody(const ExportLine& line) {
  if (line.header) return Invalid("a second header");
  if (line.record) {
    ++records_;
    return verifier_->AddRecord(*line.record);
  }
  ++checkpoints_;
  return verifier_->AddCheckpoint(*line.checkpoint);
}

Status ExportReader::TakeEnd(const ExportLine& line) {
  if (line.end->checkpoints != checkpoints_ || line.end->records != records_) {
    return MakeError(ErrorKind::kIntegrity, "the end line counts other lines than there are");
  }
  ended_ = true;
  return Ok();
}

Result<AuditVerifier::Summary> ExportReader::Finish() const {
  if (refused_) return Invalid("The export was already refused");
  if (!ended_) return MakeError(ErrorKind::kIntegrity, "The export is cut off: it has no end line");
  return verifier_->Finish();
}

}  // namespace claviger::crypto
