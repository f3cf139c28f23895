#include "api/audit/checkpoint_mark.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "api/audit/private_directory.h"

namespace claviger::api {
namespace {

using http::OwnedFd;

constexpr const char* kFile = "audit-checkpoint";
constexpr const char* kNewFile = "audit-checkpoint.new";
constexpr std::string_view kFormat = "claviger/audit-mark/1 ";
constexpr size_t kMaxBytes = 256;

std::string FileText(const CheckpointMark& mark) { return std::string(kFormat) + mark.ToString() + "\n"; }

std::optional<CheckpointMark> Parse(std::string_view text) {
  if (!text.starts_with(kFormat)) return std::nullopt;
  std::string_view rest = text.substr(kFormat.size());
  CheckpointMark mark;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), mark.number);
  if (error != std::errc{}) return std::nullopt;
  rest.remove_prefix(static_cast<size_t>(end - rest.data()));
  if (rest.size() < 2) return std::nullopt;
  const auto hash = HexDecode(rest.substr(1, rest.size() - 2));
  if (!hash || hash->size() != mark.hash.size()) return std::nullopt;
  std::copy(hash->begin(), hash->end(), mark.hash.begin());
  if (FileText(mark) != text) return std::nullopt;
  return mark;
}

Error Unusable(const std::string& path, std::string_view why) {
  return Invalid(fmt::format("the state file {} {}", path, why));
}

Error CannotWrite(std::string_view what) {
  return Unavailable(fmt::format("the state file cannot be written: {}: {}", what, std::strerror(errno)));
}

}  // namespace

CheckpointMark CheckpointMark::Of(const crypto::AuditCheckpoint& checkpoint) {
  return {checkpoint.number, crypto::CheckpointHash(checkpoint)};
}

std::string CheckpointMark::ToString() const { return fmt::format("{}:{}", number, HexEncode(hash)); }

Result<std::optional<CheckpointMark>> ReadMark(const std::string& directory) {
  TRY(const OwnedFd parent, OpenPrivateDirectory(directory));
  const std::string path = directory + "/" + kFile;
  const OwnedFd file(::openat(parent.get(), kFile, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file && errno == ENOENT) return std::optional<CheckpointMark>();
  if (!file) return Unusable(path, std::string("cannot be read: ") + std::strerror(errno));
  if (!IsPrivateFile(file)) {
    return Unusable(path, "is not a regular file of this user that is closed to all others");
  }
  char text[kMaxBytes];
  const ssize_t size = ::read(file.get(), text, sizeof text);
  auto mark = size < 0 ? std::nullopt : Parse({text, static_cast<size_t>(size)});
  if (!mark) return Unusable(path, "does not hold what this program writes");
  return mark;
}

Status WriteMark(const std::string& directory, const CheckpointMark& mark) {
  TRY(const OwnedFd parent, OpenPrivateDirectory(directory));
  ::unlinkat(parent.get(), kNewFile, 0);
  const OwnedFd file(
      ::openat(parent.get(), kNewFile, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file) return CannotWrite("open");
  const std::string text = FileText(mark);
  if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return CannotWrite("write");
  }
  if (::fsync(file.get()) != 0) return CannotWrite("fsync");
  if (::renameat(parent.get(), kNewFile, parent.get(), kFile) != 0) return CannotWrite("rename");
  if (::fsync(parent.get()) != 0) return CannotWrite("fsync");
  return Ok();
}

}  // namespace claviger::api
