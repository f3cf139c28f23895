#include "api/export/file_sink.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstring>

#include "api/audit/private_directory.h"

namespace claviger::api {
namespace {

constexpr const char* kFile = "audit.ndjson";
constexpr size_t kBlockBytes = 64 * 1024;

Error Failed(std::string_view what) {
  return Unavailable(fmt::format("{}: {}: {}", kFile, what, std::strerror(errno)));
}

}  // namespace

void FileSink::Reset() {
  file_.Close();
  confirmed_ = 0;
}

Status FileSink::Check() {
  TRY(file_, Open());
  return Ok();
}

Result<http::OwnedFd> FileSink::Open() const {
  TRY(const http::OwnedFd parent, OpenPrivateDirectory(directory_));
  http::OwnedFd file(
      ::openat(parent.get(), kFile, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600));
  if (!file) return Failed("open");
  if (!IsPrivateFile(file)) {
    return Invalid(fmt::format("{}/{} is not a regular file of this user that is closed to all others",
                               directory_, kFile));
  }
  const off_t size = ::lseek(file.get(), 0, SEEK_END);
  char last = '\n';
  if (size < 0 || (size > 0 && ::pread(file.get(), &last, 1, size - 1) != 1)) return Failed("read");
  if (last != '\n' && ::write(file.get(), "\n", 1) != 1) return Failed("write");
  return file;
}

Status FileSink::Append(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(file_.get(), text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return Failed("write");
    text.remove_prefix(static_cast<size_t>(written));
  }
  return Ok();
}

Status FileSink::Deliver(const ExportBatch& batch) {
  if (reopen_.exchange(false)) file_.Close();
  if (!file_) {
    TRY(file_, Open());
  }
  std::string lines;
  for (const auto& [checkpoint, records] : batch.sealed) {
    for (const auto& record : records) {
      lines += crypto::ExportRecordLine(record) + '\n';
      if (lines.size() < kBlockBytes) continue;
      TRYV(Append(lines));
      lines.clear();
    }
    lines += crypto::ExportCheckpointLine(checkpoint) + '\n';
  }
  TRYV(Append(lines));
  if (::fdatasync(file_.get()) != 0) return Failed("fdatasync");
  confirmed_ = batch.sealed.back().checkpoint.number;
  return Ok();
}

}  // namespace claviger::api
