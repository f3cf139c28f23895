#include "daemon/key_process/channel.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace claviger::daemon {
namespace {

Error SystemError(const char* what) { return Unavailable(std::string(what) + ": " + std::strerror(errno)); }

bool HasOption(int fd, int option, int wanted) {
  int value = 0;
  socklen_t size = sizeof value;
  return ::getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 && value == wanted;
}

}  // namespace

Channel::~Channel() {
  if (fd_ >= 0) ::close(fd_);
}

Channel& Channel::operator=(Channel&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

Result<std::pair<Channel, Channel>> Channel::MakePair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return SystemError("socketpair");
  return std::pair(Channel(ends[0]), Channel(ends[1]));
}

Status Channel::CheckPeer(const Account& account) const {
  if (!HasOption(fd_, SO_DOMAIN, AF_UNIX) || !HasOption(fd_, SO_TYPE, SOCK_SEQPACKET)) {
    return Forbidden("a key process is started by `clavigerd run`, which hands it a socket");
  }
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(fd_, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return SystemError("SO_PEERCRED");
  if (Account{peer.uid, peer.gid} != account) {
    return Forbidden("the process at the other end belongs to another account");
  }
  return Ok();
}

Status Channel::LimitWaits(std::chrono::milliseconds limit) {
  const timeval time{limit.count() / 1000, (limit.count() % 1000) * 1000};
  for (const int option : {SO_SNDTIMEO, SO_RCVTIMEO}) {
    if (::setsockopt(fd_, SOL_SOCKET, option, &time, sizeof time) != 0) return SystemError("setsockopt");
  }
  return Ok();
}

Status Channel::SendNow(ByteView message) { return Send(message, MSG_DONTWAIT); }

Status Channel::Send(ByteView message, int flags) {
  for (;;) {
    const ssize_t sent = ::send(fd_, message.data(), message.size(), flags | MSG_NOSIGNAL);
    if (sent == static_cast<ssize_t>(message.size())) return Ok();
    if (sent < 0 && errno != EINTR) return SystemError("the other process takes no message");
  }
}

Channel::Receipt Channel::Receive(SecretBytes& room, ByteView& message) {
  for (;;) {
    const ssize_t got = ::recv(fd_, room.data(), room.size(), MSG_TRUNC);
    if (got > 0 && static_cast<size_t>(got) <= room.size()) {
      message = room.View().first(static_cast<size_t>(got));
      return Receipt::kMessage;
    }
    if (got < 0 && errno == EINTR) continue;
    return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) ? Receipt::kNothing : Receipt::kClosed;
  }
}

void Channel::Shut() { ::shutdown(fd_, SHUT_RDWR); }

}  // namespace claviger::daemon
