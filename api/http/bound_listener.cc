#include "api/http/bound_listener.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <charconv>
#include <cstring>

#include "api/http/socket_address.h"

namespace claviger::api::http {
namespace {

constexpr int kBacklog = 1024;
constexpr std::string_view kUnixPrefix = "unix:";
constexpr std::string_view kInheritedPrefix = "fd:";

Error CannotListen(const std::string& address, const std::string& why) {
  return Invalid("Cannot listen on " + address + ": " + why);
}

std::string ErrnoText(int error) {
  switch (error) {
    case EADDRINUSE:
      return "the address is already in use";
    case EACCES:
    case EPERM:
      return "permission denied";
    case EADDRNOTAVAIL:
      return "this machine does not have the address";
    default:
      return std::strerror(error);
  }
}

Result<OwnedFd> NewSocket(const Listener& listener, int family) {
  OwnedFd fd{::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  if (!fd) return CannotListen(listener.address, ErrnoText(errno));
  return fd;
}

Result<SocketAddress> LocalAddress(const Listener& listener, int fd) {
  SocketAddress bound;
  bound.size = sizeof bound.storage;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&bound.storage), &bound.size) != 0) {
    return CannotListen(listener.address, ErrnoText(errno));
  }
  return bound;
}

// A file left by a process that died is removed; one in use, or no socket at all, is not ours to touch.
Status RemoveStaleSocket(const Listener& listener, const std::string& path, const SocketAddress& address) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) return Ok();
    return CannotListen(listener.address, ErrnoText(errno));
  }
  if (!S_ISSOCK(info.st_mode)) return CannotListen(listener.address, "the path exists and is not a socket");
  TRY(const OwnedFd probe, NewSocket(listener, AF_UNIX));
  if (::connect(probe.get(), address.get(), address.size) == 0 || errno != ECONNREFUSED) {
    return CannotListen(listener.address, "the address is already in use");
  }
  if (::unlink(path.c_str()) != 0) return CannotListen(listener.address, ErrnoText(errno));
  return Ok();
}

}  // namespace

Result<BoundListener> BoundListener::Bind(const Listener& listener) {
  const std::string& address = listener.address;
  if (address.starts_with(kUnixPrefix)) return BindUnix(listener, address.substr(kUnixPrefix.size()));
  if (address.starts_with(kInheritedPrefix))
    return Inherit(listener, address.substr(kInheritedPrefix.size()));
  return BindInet(listener);
}

Result<BoundListener> BoundListener::BindInet(const Listener& listener) {
  const auto address = ParseInetAddress(listener.address);
  if (!address) {
    return CannotListen(listener.address, "expected 127.0.0.1:8443, [::1]:8443, unix:/path or fd:3");
  }
  TRY(OwnedFd fd, NewSocket(listener, address->family()));
  const int on = 1, off = 0;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (address->family() == AF_INET6) ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  if (::bind(fd.get(), address->get(), address->size) != 0 || ::listen(fd.get(), kBacklog) != 0) {
    return CannotListen(listener.address, ErrnoText(errno));
  }
  TRY(const SocketAddress bound, LocalAddress(listener, fd.get()));
  return BoundListener(std::move(fd), FormatWithPort(bound), listener.tls);
}

Result<BoundListener> BoundListener::BindUnix(const Listener& listener, const std::string& path) {
  const auto address = UnixAddress(path);
  if (!address || path.front() != '/') {
    return CannotListen(listener.address, "expected an absolute path of at most 107 bytes");
  }
  TRYV(RemoveStaleSocket(listener, path, *address));
  TRY(OwnedFd fd, NewSocket(listener, AF_UNIX));
  // Nobody can connect between bind and chmod: the socket does not listen yet.
  struct stat info {};
  if (::bind(fd.get(), address->get(), address->size) != 0 || ::chmod(path.c_str(), 0660) != 0 ||
      ::listen(fd.get(), kBacklog) != 0 || ::lstat(path.c_str(), &info) != 0) {
    return CannotListen(listener.address, ErrnoText(errno));
  }
  BoundListener bound(std::move(fd), listener.address, listener.tls);
  bound.unix_path_ = path;
  bound.unix_file_ = FileId{info.st_dev, info.st_ino};
  return bound;
}

Result<BoundListener> BoundListener::Inherit(const Listener& listener, const std::string& number) {
  int value = -1;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  if (error != std::errc() || end != number.data() + number.size() || value < 3) {
    return CannotListen(listener.address, "expected the number of an inherited descriptor, 3 or more");
  }
  int accepting = 0, type = 0;
  socklen_t size = sizeof accepting;
  const bool listening = ::getsockopt(value, SOL_SOCKET, SO_ACCEPTCONN, &accepting, &size) == 0 &&
                         accepting == 1 && ::getsockopt(value, SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
                         type == SOCK_STREAM;
  if (!listening) return CannotListen(listener.address, "the descriptor is not a listening stream socket");
  ::fcntl(value, F_SETFL, ::fcntl(value, F_GETFL) | O_NONBLOCK);
  ::fcntl(value, F_SETFD, FD_CLOEXEC);
  TRY(const SocketAddress bound, LocalAddress(listener, value));
  const bool inet = bound.family() == AF_INET || bound.family() == AF_INET6;
  return BoundListener(OwnedFd{value}, inet ? FormatWithPort(bound) : listener.address, listener.tls);
}

void BoundListener::Close() {
  if (!fd_) return;
  fd_.Close();
  struct stat info {};
  if (unix_file_ && ::lstat(unix_path_.c_str(), &info) == 0 && info.st_dev == unix_file_->device &&
      info.st_ino == unix_file_->inode) {
    ::unlink(unix_path_.c_str());
  }
}

}  // namespace claviger::api::http
