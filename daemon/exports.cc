#include "daemon/exports.h"

#include "api/export/file_sink.h"
#include "api/export/syslog_sink.h"

namespace claviger::daemon {

Result<std::unique_ptr<Exports>> Exports::Create(const Config& config, const api::LiveExport::Parts& parts) {
  auto exports = std::make_unique<Exports>();
  if (!config.syslog.server.empty()) {
    exports->Add("syslog", std::make_unique<api::SyslogSink>(config.syslog, parts.clock), parts);
  }
  if (!config.audit_file_directory.empty()) {
    auto file = std::make_unique<api::FileSink>(config.audit_file_directory);
    TRYV(file->Check());
    exports->Add("file", std::move(file), parts);
  }
  return exports;
}

void Exports::Add(std::string name, std::unique_ptr<api::Sink> sink, const api::LiveExport::Parts& parts) {
  auto live = std::make_unique<api::LiveExport>(std::move(name), *sink, parts);
  all_.push_back({std::move(sink), std::move(live)});
}

void Exports::Start() {
  for (auto& each : all_) each.live->Start();
}

void Exports::Reopen() {
  for (auto& each : all_) each.sink->Reopen();
}

std::vector<api::ExportLag> Exports::Lags() const {
  std::vector<api::ExportLag> lags;
  for (const auto& each : all_) lags.push_back(each.live->Lag());
  return lags;
}

}  // namespace claviger::daemon
