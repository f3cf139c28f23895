#pragma once
// One end of a channel: a connected Unix socket on which each message is one packet. Many threads may send
// and receive at the same time.

#include <chrono>
#include <utility>

#include "base/error.h"
#include "base/secret_bytes.h"
#include "daemon/account.h"

namespace claviger::daemon {

class Channel {
 public:
  Channel() = default;
  // Takes the descriptor.
  explicit Channel(int fd) : fd_(fd) {}
  ~Channel();
  Channel(Channel&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Channel& operator=(Channel&& other) noexcept;

  static Result<std::pair<Channel, Channel>> MakePair();

  // kForbidden unless it is such a socket, and at its other end a process of that account.
  Status CheckPeer(const Account& account) const;
  // From now on no Send and no Receive lasts longer. Without it they last as long as it takes.
  Status LimitWaits(std::chrono::milliseconds limit);

  // kUnavailable if the other end is gone or does not take it in time.
  Status Send(ByteView message) { return Send(message, 0); }
  // The same, but it does not wait at all.
  Status SendNow(ByteView message);

  enum class Receipt : uint8_t { kMessage, kNothing, kClosed };
  // `message` becomes a part of `room`, which has kMaxMessageBytes. A message that does not fit closes.
  Receipt Receive(SecretBytes& room, ByteView& message);

  // Ends it for both, and all that wait.
  void Shut();

  int fd() const { return fd_; }

 private:
  Status Send(ByteView message, int flags);

  int fd_ = -1;
};

}  // namespace claviger::daemon
