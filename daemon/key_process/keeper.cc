#include "daemon/key_process/keeper.h"

#include <poll.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "daemon/key_process/unix_address.h"

namespace claviger::daemon {
namespace {

using std::chrono::milliseconds;

constexpr int kBacklog = 16;
constexpr milliseconds kTick{250};
// Of one that has connected, to say what it wants.
constexpr milliseconds kQuestionTakes{1000};

Error SystemError(const std::string& what) { return Invalid(what + ": " + std::strerror(errno)); }

Status CheckDirectory(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return SystemError(path);
  const bool ours = status.st_uid == ::geteuid() || status.st_uid == 0;
  if (!ours || (status.st_mode & S_IRWXO) != 0) {
    return Invalid(path +
                   " must belong to the account of the key process or to root, and be closed to others");
  }
  return Ok();
}

}  // namespace

Result<Channel> ListenForChannels(const std::string& path) {
  const int inherited = ::sd_listen_fds(/*unset_environment=*/1);
  if (inherited == 1) return Channel(SD_LISTEN_FDS_START);
  if (inherited > 1) return Invalid("systemd hands over more than one socket");
  TRYV(CheckDirectory(std::filesystem::path(path).parent_path()));
  TRY(const sockaddr_un address, UnixAddress(path));
  Channel listener(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  ::unlink(path.c_str());
  // Who may reach the directory may connect; who connects is asked for its account.
  const bool listens =
      ::bind(listener.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
      ::chmod(path.c_str(), 0666) == 0 && ::listen(listener.fd(), kBacklog) == 0;
  if (!listens) return SystemError(path);
  return listener;
}

void Keeper::Serve(Signals& signals) {
  while (signals.Wait(milliseconds(0)) != Signal::kStop) {
    pollfd ready{listener_.fd(), POLLIN, 0};
    if (::poll(&ready, 1, static_cast<int>(kTick.count())) > 0) TakeOne();
  }
}

void Keeper::TakeOne() {
  Channel channel(::accept4(listener_.fd(), nullptr, nullptr, SOCK_CLOEXEC));
  if (channel.fd() < 0) return;
  const Status theirs = channel.CheckPeer(config_.peer);
  if (!theirs) return log_.Failure("channel_refused", theirs.error());
  if (!channel.LimitWaits(kQuestionTakes)) return;
  StartQuestion question;
  const ssize_t got = ::recv(channel.fd(), &question, sizeof question, MSG_TRUNC);
  if (got != static_cast<ssize_t>(sizeof question) || question.seat >= config_.seats) {
    return log_.Failure("channel_refused", {{"why", "it asks for no key process that there is"}});
  }
  const StartReply reply = nursery_.Start(question, channel.fd(), /*tell=*/true);
  if (reply.error != 0)
    static_cast<void>(channel.Send({reinterpret_cast<const uint8_t*>(&reply), sizeof reply}));
}

}  // namespace claviger::daemon
