#include "hsm/pin_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>

namespace claviger::hsm {

namespace {

class File {
 public:
  // O_NONBLOCK: a FIFO in the PIN's place must not stop the daemon before fstat can refuse it.
  explicit File(const std::string& path)
      : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)) {}
  ~File() {
    if (fd_ >= 0) close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

Failure Refusal(const std::string& path, const std::string& why) {
  return Refused(ErrorKind::kForbidden, fmt::format("The PIN file {} {}", path, why));
}

bool IsCredential(const std::string& path) {
  const char* directory = std::getenv("CREDENTIALS_DIRECTORY");
  if (directory == nullptr || *directory != '/') return false;
  const std::string prefix = std::string(directory) + "/";
  return path.compare(0, prefix.size(), prefix) == 0 && path.find('/', prefix.size()) == std::string::npos;
}

Outcome<void> CheckFile(int fd, const std::string& path) {
  struct stat status {};
  if (fstat(fd, &status) != 0) return Refusal(path, "cannot be examined");
  if (!S_ISREG(status.st_mode)) return Refusal(path, "is not a regular file");
  if (status.st_uid != 0 && status.st_uid != geteuid()) return Refusal(path, "belongs to another user");
  const mode_t forbidden = IsCredential(path) ? S_IRWXO : S_IRWXG | S_IRWXO;
  if ((status.st_mode & forbidden) != 0) {
    return Refusal(path, "is accessible to group or others; allow only its owner (chmod 600)");
  }
  return Ok();
}

Outcome<SecretBytes> ReadAll(int fd, const std::string& path) {
  SecretBytes buffer(kMaxPinBytes + 2);  // a full PIN, its newline, and one byte too many
  size_t used = 0;
  while (used < buffer.size()) {
    const ssize_t got = read(fd, buffer.data() + used, buffer.size() - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Refusal(path, "cannot be read");
    if (got == 0) break;
    used += static_cast<size_t>(got);
  }
  buffer.Truncate(used);
  return buffer;
}

Outcome<void> CheckOpened(const File& file, const std::string& path) {
  if (file.fd() >= 0) return CheckFile(file.fd(), path);
  if (errno == ELOOP) return Refusal(path, "is a symbolic link");
  return Refusal(path, fmt::format("cannot be opened: {}", std::generic_category().message(errno)));
}

}  // namespace

Status CheckPinFile(const std::string& path) {
  const File file(path);
  if (auto checked = CheckOpened(file, path); !checked) return ToError(checked.error());
  return claviger::Ok();
}

Outcome<SecretBytes> ReadPinFile(const std::string& path) {
  const File file(path);
  TRYV(CheckOpened(file, path));
  TRY(auto pin, ReadAll(file.fd(), path));
  if (!pin.empty() && pin.Text().back() == '\n') pin.Truncate(pin.size() - 1);
  if (pin.empty()) return Refusal(path, "is empty");
  if (pin.size() > kMaxPinBytes) return Refusal(path, fmt::format("is longer than {} bytes", kMaxPinBytes));
  if (pin.Text().find('\n') != std::string_view::npos) return Refusal(path, "has more than one line");
  return pin;
}

}  // namespace claviger::hsm
