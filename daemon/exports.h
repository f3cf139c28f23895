#pragma once
// The live exports of the audit log that the configuration asks for.

#include <memory>
#include <vector>

#include "api/export/live_export.h"
#include "api/export/sink.h"
#include "daemon/config.h"

namespace claviger::daemon {

class Exports {
 public:
  // kInvalid, naming it, if the file cannot be used. A receiver that is away is no failure.
  static Result<std::unique_ptr<Exports>> Create(const Config& config, const api::LiveExport::Parts& parts);
  void Start();
  // From any thread.
  void Reopen();
  std::vector<api::ExportLag> Lags() const;

 private:
  struct Export {
    std::unique_ptr<api::Sink> sink;
    std::unique_ptr<api::LiveExport> live;  // ends before its sink
  };
  void Add(std::string name, std::unique_ptr<api::Sink> sink, const api::LiveExport::Parts& parts);
  std::vector<Export> all_;
};

}  // namespace claviger::daemon
