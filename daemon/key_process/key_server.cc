#include "daemon/key_process/key_server.h"

#include <system_error>

namespace claviger::daemon {
namespace {

constexpr std::chrono::milliseconds kPulse{250};

}  // namespace

Pulse::Pulse(Channel& channel) : channel_(channel), thread_([this] { Loop(); }) {}

Pulse::~Pulse() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void Pulse::Watch(const crypto::Keyring* keyring) {
  const std::lock_guard lock(mutex_);
  keyring_ = keyring;
}

void Pulse::Loop() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const auto health = keyring_ != nullptr ? keyring_->Health() : crypto::KeyringHealth();
    if (!channel_.Send(MakeHealth(health).View())) return channel_.Shut();
    wake_.wait_for(lock, kPulse, [this] { return stopping_; });
  }
}

void KeyServer::Serve() {
  Grow();
  // Threads only come while others are there.
  for (size_t n = 0;; ++n) {
    std::thread thread;
    {
      const std::lock_guard lock(mutex_);
      if (n == threads_.size()) return;
      thread = std::move(threads_[n]);
    }
    thread.join();
  }
}

void KeyServer::Grow() {
  const std::lock_guard lock(mutex_);
  if (threads_.size() >= max_threads_) return;
  ++idle_;
  try {
    threads_.emplace_back([this] { Loop(); });
  } catch (const std::system_error&) {
    --idle_;  // those that are there answer one after the other
  }
}

void KeyServer::Loop() {
  SecretBytes room(kMaxMessageBytes);
  ByteView message;
  for (;;) {
    const auto receipt = channel_.Receive(room, message);
    if (receipt == Channel::Receipt::kClosed) break;
    if (receipt == Channel::Receipt::kNothing) continue;
    if (--idle_ == 0) Grow();  // somebody must be there for the next one
    const auto answer = service_.Answer(message);
    Wipe(room.data(), message.size());
    if (!answer) {
      log_.Failure("key_protocol_violated");
      break;
    }
    if (!channel_.Send(answer->View())) break;
    ++idle_;
  }
  channel_.Shut();
}

}  // namespace claviger::daemon
