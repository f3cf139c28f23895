#pragma once
// The audit log to `audit.ndjson` in a directory of the configuration: the record lines of an export, each
// checkpoint's line behind those of its records. Nothing in a request decides where it is written.
//
// A delivery is on the disk when it returns. Rotation: move the file away and Reopen (SIGHUP). A line that a
// crash or a full disk tore is ended before the next one; its record is delivered again.

#include <atomic>

#include "api/export/sink.h"
#include "api/http/owned_fd.h"

namespace claviger::api {

class FileSink final : public Sink {
 public:
  explicit FileSink(std::string directory) : directory_(std::move(directory)) {}
  // Whether the file can be used; for the start. Failures as OpenPrivateDirectory's.
  Status Check();
  Status Deliver(const ExportBatch& batch) override;
  Result<uint64_t> Confirmed() override { return confirmed_; }
  void Reset() override;
  void Reopen() override { reopen_ = true; }

 private:
  Result<http::OwnedFd> Open() const;
  Status Append(std::string_view text);

  const std::string directory_;
  std::atomic<bool> reopen_{false};
  http::OwnedFd file_;
  uint64_t confirmed_ = 0;
};

}  // namespace claviger::api
