#include "daemon/key_process/starter.h"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "daemon/key_process/ledger.h"
#include "daemon/key_process/nursery.h"

namespace claviger::daemon {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kKillTakes{5000};
constexpr milliseconds kStartTakes{15'000};

Error SystemError(const char* what, int error) {
  return Unavailable(std::string(what) + ": " + std::strerror(error));
}

// A message with a descriptor, which the receiver closes.
bool SendReply(int control, const StartReply& reply, int descriptor) {
  iovec part{const_cast<StartReply*>(&reply), sizeof reply};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> rights{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (descriptor >= 0) {
    message.msg_control = rights.data();
    message.msg_controllen = rights.size();
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
  }
  return ::sendmsg(control, &message, MSG_NOSIGNAL) == static_cast<ssize_t>(sizeof reply);
}

Result<StartReply> ReceiveOne(int control, Channel& channel) {
  StartReply reply;
  iovec part{&reply, sizeof reply};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> rights{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = rights.data();
  message.msg_controllen = rights.size();
  if (::recvmsg(control, &message, MSG_CMSG_CLOEXEC) != static_cast<ssize_t>(sizeof reply)) {
    return Unavailable("the starter of key processes does not answer");
  }
  const cmsghdr* const header = CMSG_FIRSTHDR(&message);
  if (header != nullptr && header->cmsg_type == SCM_RIGHTS) {
    int descriptor = -1;
    std::memcpy(&descriptor, CMSG_DATA(header), sizeof descriptor);
    channel = Channel(descriptor);
  }
  return reply;
}

Result<StartReply> ReceiveReply(int control, uint64_t number, Channel& channel) {
  TRY(StartReply reply, ReceiveOne(control, channel));
  while (reply.number != number) {
    TRY(reply, ReceiveOne(control, channel));
  }
  if (reply.error != 0) return SystemError("a key process cannot be started", reply.error);
  if (channel.fd() < 0) return Unavailable("the starter of key processes sent no channel");
  return reply;
}

// The starter's own side, until nobody asks any more.
void Serve(int control, Nursery& nursery) {
  StartQuestion question;
  while (::recv(control, &question, sizeof question, 0) == static_cast<ssize_t>(sizeof question)) {
    StartReply reply{.number = question.number};
    auto pair = Channel::MakePair();
    if (pair) {
      reply = nursery.Start(question, pair.value().first.fd(), /*tell=*/false);
    } else {
      reply.error = EMFILE;
    }
    const int theirs = reply.error == 0 ? pair.value().second.fd() : -1;
    if (!SendReply(control, reply, theirs)) return;
  }
}

// Ends by _exit: what else the process inherited is not its own to take down.
[[noreturn]] void RunStarter(int control, std::vector<std::string> words, milliseconds patience,
                             const std::function<Status()>& confine) {
  ::prctl(PR_SET_NAME, "clavigerd-start", 0, 0, 0);
  const auto ledger = Ledger::Make();
  if (!ledger) ::_exit(EXIT_FAILURE);
  // Listeners of the service manager are none of its business.
  const int last = std::max(control, ledger.value());
  for (int descriptor = 3; descriptor <= last; ++descriptor) {
    if (descriptor != control && descriptor != ledger.value()) ::close(descriptor);
  }
  ::close_range(static_cast<unsigned>(last) + 1, ~0U, 0);
  for (const char* name :
       {"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC"}) {
    ::unsetenv(name);
  }
  if (!confine()) ::_exit(EXIT_FAILURE);
  Nursery nursery(ledger.value(), std::move(words));
  Serve(control, nursery);
  nursery.EndAll(patience);
  ::_exit(EXIT_SUCCESS);
}

}  // namespace

Result<std::unique_ptr<Starter>> ForkedStarter::Fork(std::vector<std::string> words, milliseconds patience,
                                                     const std::function<Status()>& confine) {
  TRY(auto pair, Channel::MakePair());
  const pid_t process = ::fork();
  if (process < 0) return SystemError("fork", errno);
  if (process == 0) RunStarter(pair.second.fd(), std::move(words), patience, confine);
  TRYV(pair.first.LimitWaits(kStartTakes));
  return std::unique_ptr<Starter>(new ForkedStarter(std::move(pair.first), process, patience));
}

ForkedStarter::~ForkedStarter() {
  control_.Shut();
  int status = 0;
  if (AwaitEnd(process_, 2 * patience_, status)) return;
  ::kill(process_, SIGKILL);
  AwaitEnd(process_, kKillTakes, status);
}

// Nobody else holds the other end.
bool ForkedStarter::Gone() const {
  pollfd end{.fd = control_.fd(), .events = 0, .revents = 0};
  return ::poll(&end, 1, 0) == 1 && (end.revents & POLLHUP) != 0;
}

Result<Starter::Started> ForkedStarter::Start(uint32_t seat) {
  const std::lock_guard lock(mutex_);
  const StartQuestion question{++asked_, seat};
  TRYV(control_.Send({reinterpret_cast<const uint8_t*>(&question), sizeof question}));
  Started started;
  TRY(const StartReply reply, ReceiveReply(control_.fd(), question.number, started.channel));
  started.process = reply.process;
  if (reply.had != 0) started.before = DescribeEnd(reply.status);
  TRYV(started.channel.CheckPeer(Account::Own()));
  return started;
}

}  // namespace claviger::daemon
