#include "daemon/key_process/connected_starter.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "daemon/key_process/nursery.h"
#include "daemon/key_process/unix_address.h"

namespace claviger::daemon {
namespace {

constexpr std::chrono::milliseconds kStartTakes{15'000};

Error SystemError(const std::string& what) { return Unavailable(what + ": " + std::strerror(errno)); }

Result<Channel> Connect(const std::string& path) {
  TRY(const sockaddr_un address, UnixAddress(path));
  Channel channel(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (channel.fd() < 0) return SystemError("socket");
  TRYV(channel.LimitWaits(kStartTakes));  // of connect as well
  if (::connect(channel.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return SystemError("nobody answers at hsm.key_process_socket");
  }
  return channel;
}

}  // namespace

Result<Starter::Started> ConnectedStarter::Start(uint32_t seat) {
  Started started;
  TRY(started.channel, Connect(path_));
  TRYV(started.channel.CheckPeer(account_));
  const StartQuestion question{++asked_, seat};
  TRYV(started.channel.Send({reinterpret_cast<const uint8_t*>(&question), sizeof question}));
  StartReply reply;
  const ssize_t got = ::recv(started.channel.fd(), &reply, sizeof reply, MSG_TRUNC);
  if (got != static_cast<ssize_t>(sizeof reply) || reply.number != question.number) {
    return Unavailable("the keeper of key processes does not answer");
  }
  if (reply.error != 0)
    return Unavailable(std::string("a key process cannot be started: ") + std::strerror(reply.error));
  started.process = reply.process;
  if (reply.had != 0) started.before = DescribeEnd(reply.status);
  return started;
}

}  // namespace claviger::daemon
