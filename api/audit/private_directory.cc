#include "api/audit/private_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

namespace claviger::api {

Result<http::OwnedFd> OpenPrivateDirectory(const std::string& path) {
  http::OwnedFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return Invalid(fmt::format("the directory {} cannot be used: {}", path, std::strerror(errno)));
  struct stat facts {};
  const bool known = ::fstat(fd.get(), &facts) == 0;
  if (!known || (facts.st_uid != ::geteuid() && facts.st_uid != 0) ||
      (facts.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return Invalid(fmt::format(
        "the directory {} must belong to the daemon's account, and nobody else may write to it", path));
  }
  return fd;
}

bool IsPrivateFile(const http::OwnedFd& file) {
  struct stat facts {};
  return ::fstat(file.get(), &facts) == 0 && S_ISREG(facts.st_mode) && facts.st_nlink == 1 &&
         facts.st_uid == ::geteuid() && (facts.st_mode & (S_IRWXG | S_IRWXO)) == 0;
}

}  // namespace claviger::api
