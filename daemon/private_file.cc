#include "daemon/private_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace claviger::daemon {
namespace {

constexpr size_t kMaxBytes = 1024 * 1024;
constexpr mode_t kPrivate = S_IRWXG | S_IRWXO;
constexpr mode_t kTrusted = S_IWGRP | S_IWOTH;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

// `forbidden`: what group and world may not do.
Result<Descriptor> Open(const std::string& path, const std::string& what, mode_t forbidden) {
  // Non-blocking, so that a FIFO in the file's place cannot hold up the start.
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (file.get() < 0)
    return Invalid(fmt::format("{} {} cannot be read: {}", what, path, std::strerror(errno)));
  struct stat facts {};
  if (::fstat(file.get(), &facts) != 0 || !S_ISREG(facts.st_mode)) {
    return Invalid(fmt::format("{} {} is not a regular file", what, path));
  }
  if (facts.st_uid != ::geteuid() && facts.st_uid != 0) {
    return Invalid(fmt::format("{} {} belongs to another user (uid {})", what, path, facts.st_uid));
  }
  if ((facts.st_mode & forbidden) != 0) {
    return Invalid(fmt::format("{} {} is open to group or world (mode {:04o}): chmod {:o} it", what, path,
                               facts.st_mode & 07777, 0666 & ~forbidden));
  }
  return file;
}

Result<std::string> Read(const Descriptor& file, const std::string& path, const std::string& what,
                         size_t max_bytes) {
  std::string text;
  char block[16 * 1024];
  for (;;) {
    const ssize_t got = ::read(file.get(), block, sizeof block);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Invalid(fmt::format("{} {} cannot be read: {}", what, path, std::strerror(errno)));
    if (got == 0) return text;
    text.append(block, static_cast<size_t>(got));
    if (text.size() > max_bytes) {
      return Invalid(fmt::format("{} {} is larger than {} MiB", what, path, max_bytes / (1024 * 1024)));
    }
  }
}

}  // namespace

Status CheckPrivateFile(const std::string& path, const std::string& what) {
  TRYV(Open(path, what, kPrivate));
  return Ok();
}

Result<std::string> ReadPrivateFile(const std::string& path, const std::string& what) {
  TRY(const Descriptor file, Open(path, what, kPrivate));
  return Read(file, path, what, kMaxBytes);
}

Result<std::string> ReadTrustedFile(const std::string& path, const std::string& what, size_t max_bytes) {
  TRY(const Descriptor file, Open(path, what, kTrusted));
  return Read(file, path, what, max_bytes);
}

}  // namespace claviger::daemon
