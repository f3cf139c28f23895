#include "daemon/sandbox/landlock.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

namespace claviger::daemon {
namespace {

// What Debian 12's headers do not have yet, of linux/landlock.h.
constexpr uint64_t kTruncate = 1ULL << 14;     // ABI 3
constexpr uint64_t kIoctlDevice = 1ULL << 15;  // ABI 5
constexpr uint64_t kBindTcp = 1ULL << 0;       // ABI 4
constexpr uint64_t kConnectTcp = 1ULL << 1;
constexpr uint64_t kScopeAbstractSockets = 1ULL << 0;  // ABI 6
constexpr uint64_t kScopeSignals = 1ULL << 1;
struct Ruleset {
  uint64_t files;
  uint64_t network;
  uint64_t scopes;
};

constexpr uint64_t kReadFile = LANDLOCK_ACCESS_FS_READ_FILE;
constexpr uint64_t kWriteFile = LANDLOCK_ACCESS_FS_WRITE_FILE | kTruncate;
constexpr uint64_t kOfFiles = kReadFile | kWriteFile | kIoctlDevice;
constexpr uint64_t kRead = kReadFile | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr uint64_t kWrite = kRead | kWriteFile | kIoctlDevice | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                            LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |
                            LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |
                            LANDLOCK_ACCESS_FS_REFER;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int fd() const { return fd_; }

 private:
  const int fd_;
};

Error SystemError(const std::string& what) {
  return Forbidden("the sandbox cannot be made: " + what + ": " + std::strerror(errno));
}

// Rights of ABI 1 are the lowest 13 bits; later ones added one or none each.
uint64_t KnownFileRights(int abi) {
  uint64_t known = (1ULL << 13) - 1;
  if (abi >= 2) known |= LANDLOCK_ACCESS_FS_REFER;
  if (abi >= 3) known |= kTruncate;
  if (abi >= 5) known |= kIoctlDevice;
  return known;
}

// An older kernel takes a shorter ruleset.
size_t BytesOf(int abi) {
  if (abi >= 6) return sizeof(Ruleset);
  return abi >= 4 ? offsetof(Ruleset, scopes) : offsetof(Ruleset, network);
}

Ruleset WhatIsForbidden(const Fence& fence, int abi) {
  Ruleset ruleset{KnownFileRights(abi), 0, 0};
  if (abi >= 4 && !fence.tcp) ruleset.network = kBindTcp | kConnectTcp;
  if (abi >= 6 && !fence.abstract_sockets) ruleset.scopes |= kScopeAbstractSockets;
  if (abi >= 6 && !fence.signals) ruleset.scopes |= kScopeSignals;
  return ruleset;
}

Status Allow(int ruleset, const Reach& reach, uint64_t known) {
  const Descriptor path(::open(reach.path.c_str(), O_PATH | O_CLOEXEC));
  if (path.fd() < 0) return Ok();
  struct stat status {};
  if (::fstat(path.fd(), &status) != 0) return SystemError(reach.path);
  uint64_t rights = (reach.write ? kWrite : kRead) & known;
  if (!S_ISDIR(status.st_mode)) rights &= kOfFiles;
  const landlock_path_beneath_attr rule{rights, path.fd()};
  if (::syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0) {
    return SystemError(reach.path);
  }
  return Ok();
}

}  // namespace

int LandlockAbi() {
  const long abi = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  return abi < 0 ? 0 : static_cast<int>(abi);
}

Status Enclose(const Fence& fence) {
  const int abi = LandlockAbi();
  if (abi == 0) return Ok();
  const Ruleset forbidden = WhatIsForbidden(fence, abi);
  const Descriptor ruleset(
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, &forbidden, BytesOf(abi), 0)));
  if (ruleset.fd() < 0) return SystemError("landlock_create_ruleset");
  for (const Reach& reach : fence.reaches) {
    TRYV(Allow(ruleset.fd(), reach, forbidden.files));
  }
  if (::syscall(SYS_landlock_restrict_self, ruleset.fd(), 0) != 0)
    return SystemError("landlock_restrict_self");
  return Ok();
}

}  // namespace claviger::daemon
