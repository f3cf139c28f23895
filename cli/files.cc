#include "cli/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "cli/secret_buffer.h"
#include "crypto/random.h"

namespace claviger::cli {
namespace {

std::string BaseName(const std::string& path) { return path.substr(path.rfind('/') + 1); }
std::string DirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string RandomSuffix() {
  std::array<uint8_t, 8> bytes;
  crypto::SystemRandom().Fill(bytes);
  return HexEncode(bytes);
}

// Renaming over a link or a device would not do what the user means by naming it.
Status RefuseSpecialTarget(int directory, const std::string& base, const std::string& path) {
  struct stat info {};
  if (fstatat(directory, base.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return Ok();
  if (S_ISREG(info.st_mode)) return Ok();
  return MakeError(ErrorKind::kConflict, path + " exists and is not a regular file");
}

}  // namespace

std::string ErrnoText() { return std::system_category().message(errno); }

Fd::~Fd() {
  if (fd_ >= 0) close(fd_);
}

Fd& Fd::operator=(Fd&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

Result<SecretBytes> ReadAll(int fd, size_t max_bytes, const std::string& name) {
  SecretBuffer buffer(max_bytes);
  SecretBytes chunk(16384);
  for (;;) {
    const ssize_t got = read(fd, chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return MakeError(ErrorKind::kInvalid, "Cannot read " + name + ": " + ErrnoText());
    if (got == 0) return buffer.Take();
    if (!buffer.Append(chunk.View().first(static_cast<size_t>(got)))) {
      return MakeError(ErrorKind::kTooLarge,
                       name + " holds more than " + std::to_string(max_bytes) + " bytes");
    }
  }
}

Result<SecretBytes> ReadFile(const std::string& path, size_t max_bytes) {
  const Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd) return MakeError(ErrorKind::kInvalid, "Cannot open " + path + ": " + ErrnoText());
  return ReadAll(fd.get(), max_bytes, path);
}

Status WriteAll(int fd, ByteView bytes, const std::string& name) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return MakeError(ErrorKind::kInternal, "Cannot write " + name + ": " + ErrnoText());
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
  return Ok();
}

NewFile::NewFile(Fd directory, Fd fd, std::string temporary, std::string name)
    : directory_(std::move(directory)),
      fd_(std::move(fd)),
      temporary_(std::move(temporary)),
      name_(std::move(name)) {}

NewFile::~NewFile() {
  if (directory_ && !temporary_.empty()) unlinkat(directory_.get(), temporary_.c_str(), 0);
}

Result<NewFile> NewFile::Create(const std::string& path) {
  Fd directory(open(DirectoryOf(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) {
    return MakeError(ErrorKind::kInvalid, "Cannot open the directory of " + path + ": " + ErrnoText());
  }
  return CreateIn(std::move(directory), path);
}

Result<NewFile> NewFile::CreateIn(Fd directory, const std::string& path) {
  const std::string base = BaseName(path);
  if (base.empty()) return Invalid(path + " is a directory");
  TRYV(RefuseSpecialTarget(directory.get(), base, path));
  std::string temporary = "." + base.substr(0, 200) + "." + RandomSuffix();
  Fd fd(
      openat(directory.get(), temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) return MakeError(ErrorKind::kInvalid, "Cannot create " + path + ": " + ErrnoText());
  return NewFile(std::move(directory), std::move(fd), std::move(temporary), path);
}

Status NewFile::Commit() {
  const std::string base = BaseName(name_);
  TRYV(RefuseSpecialTarget(directory_.get(), base, name_));
  if (fsync(fd_.get()) != 0 ||
      renameat(directory_.get(), temporary_.c_str(), directory_.get(), base.c_str()) != 0) {
    return MakeError(ErrorKind::kInternal, "Cannot write " + name_ + ": " + ErrnoText());
  }
  temporary_.clear();
  fsync(directory_.get());
  return Ok();
}

}  // namespace claviger::cli
