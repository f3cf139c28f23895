#include "api/export/syslog_message.h"

#include <fmt/format.h>

#include <algorithm>

namespace claviger::api {
namespace {

constexpr size_t kMaxHost = 255;  // RFC 5424 section 6
constexpr size_t kMaxId = 32;
constexpr int kFacility = 13;  // log audit
constexpr int kWarning = 4;
constexpr int kNotice = 5;
constexpr int kInformational = 6;

int SeverityOf(std::string_view outcome) {
  if (outcome == "success") return kInformational;
  return outcome == "denied" ? kWarning : kNotice;
}

// PRINTUSASCII of at most so many characters, "-" for none.
std::string Printable(std::string_view text, size_t size) {
  std::string printable(text.substr(0, size));
  std::replace_if(
      printable.begin(), printable.end(), [](char c) { return c <= ' ' || c >= 0x7F; }, '-');
  return printable.empty() ? "-" : printable;
}

std::string Frame(int severity, Time time, std::string_view host, std::string_view id,
                  std::string_view message) {
  const std::string text =
      fmt::format("<{}>1 {} {} clavigerd - {} - {}", kFacility * 8 + severity, FormatTime(time),
                  Printable(host, kMaxHost), Printable(id, kMaxId), message);
  return fmt::format("{} {}", text.size(), text);
}

}  // namespace

std::string SyslogFrame(const crypto::AuditVerifier::LinkedRecord& linked, std::string_view host) {
  const crypto::AuditRecord& record = linked.record;
  return Frame(SeverityOf(record.outcome), record.created_at, host, record.action,
               crypto::ExportRecordLine(linked));
}

std::string SyslogFrame(const crypto::AuditCheckpoint& checkpoint, std::string_view host) {
  return Frame(kInformational, checkpoint.created_at, host, "checkpoint",
               fmt::format(R"({{"type":"checkpoint","number":{},"hash":"{}"}})", checkpoint.number,
                           HexEncode(crypto::CheckpointHash(checkpoint))));
}

}  // namespace claviger::api
