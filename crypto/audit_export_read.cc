#include <fmt/format.h>

#include "crypto/audit_export.h"

namespace claviger::crypto {
namespace {

constexpr size_t kMaxLine = 1024 * 1024;

}  // namespace

ExportReader::ExportReader(std::vector<PublicKey> keys) : keys_(std::move(keys)) {}
ExportReader::~ExportReader() = default;

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
  if (!org_) return TakeHeader(*parsed);
  return parsed->end ? TakeEnd(*parsed) : TakeBody(*parsed);
}

Status ExportReader::TakeHeader(const ExportLine& line) {
  if (!line.header) return Invalid("the export does not start with its header");
  org_ = line.header->org;
  if (!line.header->period) {
    verifier_.emplace(*org_, keys_);
    return Ok();
  }
  period_ = std::make_unique<BundlePeriod>(*line.header->period);
  bundle_ = std::make_unique<BundleVerifier>(*org_, *period_, keys_);
  return Ok();
}

Status ExportReader::TakeBody(const ExportLine& line) {
  if (line.header) return Invalid("a second header");
  if (line.keys) return bundle_ ? bundle_->AddKeys(*line.keys) : Status(Invalid("keys in an export"));
  if (line.record) {
    ++records_;
    return bundle_ ? bundle_->AddRecord(*line.record) : verifier_->AddRecord(*line.record);
  }
  ++checkpoints_;
  return bundle_ ? bundle_->AddCheckpoint(*line.checkpoint) : verifier_->AddCheckpoint(*line.checkpoint);
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
  return bundle_ ? bundle_->Finish() : verifier_->Finish();
}

}  // namespace claviger::crypto
