#include "api/http/acceptor.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>

#include "api/http/socket_address.h"

namespace claviger::api::http {
namespace {

constexpr int kAcceptsPerEvent = 64;
constexpr int kAcceptsInDrain = 1024;
constexpr size_t kMaxHandshakes = 1024;
// So many wait for signatures at once: enough for an HSM on the network to be asked side by side.
constexpr uint32_t kWaiters = 8;
constexpr std::chrono::milliseconds kDrainGrace{2000};
// Bounds what one connection holds in the kernel.
constexpr int kSendBufferBytes = 256 * 1024;

void Tune(int fd) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &kSendBufferBytes, sizeof kSendBufferBytes);
}

bool DescriptorsShort(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

}  // namespace

std::unique_ptr<Acceptor> Acceptor::Create(const ServerConfig& config, std::vector<BoundListener> listeners,
                                           std::shared_ptr<const TlsContext> tls, Census& census,
                                           Counters& counters, const Log& log, Deliver deliver) {
  std::unique_ptr<Acceptor> acceptor(
      new Acceptor(config, std::move(listeners), std::move(tls), census, counters, log, std::move(deliver)));
  acceptor->loop_ = EventLoop::Create(*acceptor);
  if (acceptor->loop_ == nullptr) return nullptr;
  for (size_t i = 0; i < acceptor->listeners_.size(); ++i) {
    if (!acceptor->loop_->Watch(acceptor->listeners_[i].fd(), EventLoop::kFirstTag + i, true, false)) {
      return nullptr;
    }
  }
  return acceptor;
}

Acceptor::Acceptor(const ServerConfig& config, std::vector<BoundListener> listeners,
                   std::shared_ptr<const TlsContext> tls, Census& census, Counters& counters, const Log& log,
                   Deliver deliver)
    : config_(config),
      listeners_(std::move(listeners)),
      census_(census),
      counters_(counters),
      log_(log),
      deliver_(std::move(deliver)),
      next_tag_(EventLoop::kFirstTag + listeners_.size()),
      tls_(std::move(tls)),
      waiters_(config.tls.named_keys != nullptr ? std::make_unique<WorkPool>(kWaiters, kMaxHandshakes)
                                                : nullptr) {}

Acceptor::~Acceptor() { Stop(); }

void Acceptor::Start() { loop_->Start("accept"); }

void Acceptor::Stop() {
  if (loop_ != nullptr) loop_->Stop();
  if (waiters_ != nullptr) {
    waiters_->Discard();
    waiters_->Stop();
  }
  handshakes_.clear();
  listeners_.clear();
}

void Acceptor::SetTls(std::shared_ptr<const TlsContext> tls) {
  const std::lock_guard lock(tls_mutex_);
  tls_ = std::move(tls);
}

void Acceptor::BeginDrain() {
  drain_ = true;
  loop_->Wake();
}

void Acceptor::OnEvent(uint64_t tag, Readiness) {
  try {
    const uint64_t index = tag - EventLoop::kFirstTag;
    if (index < listeners_.size()) return AcceptFrom(listeners_[index], kAcceptsPerEvent);
    const auto it = handshakes_.find(tag);
    if (it != handshakes_.end()) GoOn(it);
  } catch (const std::exception& error) {
    log_.Failure("accepting a connection failed", {{"what", error.what()}});
  }
}

void Acceptor::OnWake() {
  TakeFinished();
  if (!drain_ || listeners_.empty()) return;
  try {
    for (const BoundListener& listener : listeners_) AcceptFrom(listener, kAcceptsInDrain);
  } catch (const std::exception& error) {
    log_.Failure("accepting a connection failed", {{"what", error.what()}});
  }
  for (const BoundListener& listener : listeners_) loop_->Unwatch(listener.fd());
  listeners_.clear();
  const SteadyTime limit = std::chrono::steady_clock::now() + kDrainGrace;
  for (auto& [tag, handshake] : handshakes_) handshake->deadline = std::min(handshake->deadline, limit);
}

void Acceptor::OnTick(SteadyTime now) {
  for (auto it = handshakes_.begin(); it != handshakes_.end();) {
    it = now < it->second->deadline ? std::next(it) : GiveUp(it);
  }
  if (paused_ && !census_.Full()) Resume();
}

void Acceptor::AcceptFrom(const BoundListener& listener, int most) {
  for (int i = 0; i < most; ++i) {
    if (census_.Full()) return Pause();
    if (!AcceptOne(listener)) return;
  }
}

// False if nothing waits, or nothing can be taken now.
bool Acceptor::AcceptOne(const BoundListener& listener) {
  SocketAddress peer;
  peer.size = sizeof peer.storage;
  OwnedFd fd{::accept4(listener.fd(), reinterpret_cast<sockaddr*>(&peer.storage), &peer.size,
                       SOCK_NONBLOCK | SOCK_CLOEXEC)};
  if (fd) {
    descriptors_short_ = false;
    if (peer.family() != AF_UNIX) Tune(fd.get());
    Admit(std::move(fd), FormatHost(peer), listener.tls());
    return true;
  }
  const int error = errno;
  if (error == EAGAIN || error == EWOULDBLOCK) return false;
  if (DescriptorsShort(error)) {
    if (!std::exchange(descriptors_short_, true)) {
      log_.Failure("cannot accept connections for now", {{"what", std::strerror(error)}});
    }
    Pause();
    return false;
  }
  return true;  // that client is gone already; the next one may not be
}

void Acceptor::Admit(OwnedFd fd, std::string address, bool tls) {
  Census::Ticket ticket = census_.Admit(address);
  if (!ticket) {
    ++counters_.refused_connections;
    return;
  }
  ++counters_.connections_total;
  if (!tls) return deliver_({Stream(std::move(fd)), std::move(address), std::move(ticket)});
  std::shared_ptr<const TlsContext> context;
  {
    const std::lock_guard lock(tls_mutex_);
    context = tls_;
  }
  SslPtr session = context->NewSession(fd.get());
  if (session == nullptr) return;
  BeginHandshake({Stream(std::move(fd), std::move(session)), std::move(address), std::move(ticket)},
                 context->key_is_elsewhere());
}

void Acceptor::BeginHandshake(Arrival arrival, bool may_block) {
  if (handshakes_.size() >= kMaxHandshakes) {
    // The oldest has had the most time: most likely it is silent.
    GiveUp(handshakes_.begin());
    ++counters_.refused_connections;
  }
  const uint64_t tag = next_tag_++;
  if (!loop_->Watch(arrival.stream.fd(), tag, true, false)) return;
  const SteadyTime deadline = std::chrono::steady_clock::now() + config_.handshake_timeout;
  handshakes_.emplace(tag, std::make_shared<Handshake>(std::move(arrival), deadline, may_block));
}

void Acceptor::GoOn(Handshakes::iterator it) {
  Handshake& handshake = *it->second;
  if (handshake.elsewhere) return;
  if (handshake.may_block) return GoOnElsewhere(it);
  Conclude(it, handshake.arrival.stream.Handshake());
}

// The socket is not watched meanwhile: whatever happens to it is that step's to find out.
void Acceptor::GoOnElsewhere(Handshakes::iterator it) {
  const auto& [tag, handshake] = *it;
  handshake->elsewhere = true;
  loop_->Unwatch(handshake->arrival.stream.fd());
  const bool taken = waiters_->Submit([this, tag = tag, handshake = handshake] {
    if (handshake->given_up) return;
    const Stream::Outcome outcome = handshake->arrival.stream.Handshake();
    {
      const std::lock_guard lock(finished_mutex_);
      finished_.push_back({tag, outcome});
    }
    loop_->Wake();
  });
  if (!taken) handshakes_.erase(it);
}

void Acceptor::TakeFinished() {
  std::vector<Step> finished;
  {
    const std::lock_guard lock(finished_mutex_);
    finished.swap(finished_);
  }
  for (const Step& step : finished) {
    const auto it = handshakes_.find(step.tag);
    if (it == handshakes_.end()) continue;
    it->second->elsewhere = false;
    if (!loop_->Watch(it->second->arrival.stream.fd(), step.tag, true, false)) {
      handshakes_.erase(it);
      continue;
    }
    Conclude(it, step.outcome);
  }
}

void Acceptor::Conclude(Handshakes::iterator it, Stream::Outcome outcome) {
  Stream& stream = it->second->arrival.stream;
  if (outcome == Stream::Outcome::kWouldBlock) {
    const bool write = stream.read_wants_write();
    loop_->Rewatch(stream.fd(), it->first, !write, write);
    return;
  }
  loop_->Unwatch(stream.fd());
  Arrival arrival = std::move(it->second->arrival);
  handshakes_.erase(it);
  if (outcome == Stream::Outcome::kDone) deliver_(std::move(arrival));
}

// Its client sees the end now, even if a thread still waits for a signature.
Acceptor::Handshakes::iterator Acceptor::GiveUp(Handshakes::iterator it) {
  Handshake& handshake = *it->second;
  const int fd = handshake.arrival.stream.fd();
  handshake.given_up = true;
  if (handshake.elsewhere) {
    ::shutdown(fd, SHUT_RDWR);
  } else {
    loop_->Unwatch(fd);
  }
  return handshakes_.erase(it);
}

void Acceptor::Pause() {
  if (std::exchange(paused_, true)) return;
  for (size_t i = 0; i < listeners_.size(); ++i) {
    loop_->Rewatch(listeners_[i].fd(), EventLoop::kFirstTag + i, false, false);
  }
}

void Acceptor::Resume() {
  paused_ = false;
  for (size_t i = 0; i < listeners_.size(); ++i) {
    loop_->Rewatch(listeners_[i].fd(), EventLoop::kFirstTag + i, true, false);
  }
}

}  // namespace claviger::api::http
