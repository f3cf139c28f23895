#include "api/http/event_loop.h"

#include <pistache/reactor.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

#include <cerrno>
#include <exception>

#include "api/http/owned_fd.h"

namespace claviger::api::http {
namespace {

namespace Aio = Pistache::Aio;
namespace Polling = Pistache::Polling;

constexpr uint64_t kWakeTag = 1;
constexpr uint64_t kTickTag = 2;

Pistache::Flags<Polling::NotifyOn> Interest(bool read, bool write) {
  Pistache::Flags<Polling::NotifyOn> interest(Polling::NotifyOn::None);
  if (read) interest.setFlag(Polling::NotifyOn::Read);
  if (write) interest.setFlag(Polling::NotifyOn::Write);
  return interest;
}

OwnedFd TickingTimer() {
  OwnedFd fd{timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)};
  const timespec period{0, std::chrono::nanoseconds(EventLoop::kTick).count()};
  const itimerspec spec{period, period};
  if (fd && timerfd_settime(fd.get(), 0, &spec, nullptr) != 0) fd.Close();
  return fd;
}

void Drain(int fd) {
  uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = ::read(fd, &count, sizeof count);
}

}  // namespace

// What the reactor calls; it turns Pistache's events into ours.
class EventLoop::Relay final : public Aio::Handler {
 public:
  Relay(EventHandler& handler, std::atomic<int64_t>& last_pass, int wake_fd, int tick_fd)
      : handler_(handler), last_pass_(last_pass), wake_fd_(wake_fd), tick_fd_(tick_fd) {}

  // Only a reactor of several threads copies its handlers.
  std::shared_ptr<Aio::Handler> clone() const override { return nullptr; }

  void registerPoller(Polling::Epoll& poller) override {
    poller_ = &poller;
    poller.addFd(wake_fd_, Interest(true, false), Polling::Tag(kWakeTag));
    poller.addFd(tick_fd_, Interest(true, false), Polling::Tag(kTickTag));
  }

  void onReady(const Aio::FdSet& fds) override {
    for (const auto& entry : fds) {
      const uint64_t tag = entry.getTag().value();
      if (tag == kWakeTag) {
        // The counter is cleared before the queues are looked at: what is queued later wakes us again.
        Drain(wake_fd_);
        handler_.OnWake();
      } else if (tag == kTickTag) {
        Drain(tick_fd_);
        const SteadyTime now = std::chrono::steady_clock::now();
        last_pass_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
        handler_.OnTick(now);
      } else {
        // The reactor does not tell EPOLLERR: it shows as an event without any flag.
        const bool error = !entry.isReadable() && !entry.isWritable();
        handler_.OnEvent(tag, {entry.isReadable(), entry.isWritable(), entry.isHangup() || error});
      }
    }
  }

  Polling::Epoll& poller() { return *poller_; }

 private:
  EventHandler& handler_;
  std::atomic<int64_t>& last_pass_;
  int wake_fd_;
  int tick_fd_;
  Polling::Epoll* poller_ = nullptr;
};

struct EventLoop::Reactor {
  OwnedFd wake;
  OwnedFd tick;
  std::shared_ptr<Relay> relay;
  std::shared_ptr<Aio::Reactor> reactor;
};

EventLoop::EventLoop() : reactor_(std::make_unique<Reactor>()) {}

std::unique_ptr<EventLoop> EventLoop::Create(EventHandler& handler) {
  std::unique_ptr<EventLoop> loop(new EventLoop);
  Reactor& inner = *loop->reactor_;
  inner.wake = OwnedFd{eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
  if (!inner.wake) return nullptr;
  inner.tick = TickingTimer();
  if (!inner.tick) return nullptr;
  try {
    inner.relay = std::make_shared<Relay>(handler, loop->last_pass_, inner.wake.get(), inner.tick.get());
    inner.reactor = Aio::Reactor::create();
    inner.reactor->init(Aio::SyncContext());
    inner.reactor->addHandler(inner.relay);
  } catch (const std::exception&) {
    if (errno == 0) errno = EMFILE;
    return nullptr;
  }
  return loop;
}

EventLoop::~EventLoop() { Stop(); }

void EventLoop::Start(const std::string& thread_name) {
  last_pass_.store(std::chrono::steady_clock::now().time_since_epoch().count(), std::memory_order_relaxed);
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] {
    thread_id_.store(std::this_thread::get_id(), std::memory_order_relaxed);
    reactor_->reactor->run();
    thread_id_.store({}, std::memory_order_relaxed);  // the system may reuse the number
  });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_setname_np(thread_.native_handle(), thread_name.substr(0, 15).c_str());
}

void EventLoop::Stop() {
  if (!thread_.joinable()) return;
  reactor_->reactor->shutdown();
  thread_.join();
}

void EventLoop::Wake() {
  const uint64_t one = 1;
  // Fails only if the counter is full, and then the loop is about to wake.
  [[maybe_unused]] const ssize_t written = ::write(reactor_->wake.get(), &one, sizeof one);
}

bool EventLoop::AliveWithin(std::chrono::milliseconds within) const {
  const SteadyTime last{SteadyTime::duration{last_pass_.load(std::memory_order_relaxed)}};
  return std::chrono::steady_clock::now() - last <= within;
}

bool EventLoop::Watch(int fd, uint64_t tag, bool read, bool write) {
  try {
    reactor_->relay->poller().addFd(fd, Interest(read, write), Polling::Tag(tag));
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

bool EventLoop::Rewatch(int fd, uint64_t tag, bool read, bool write) {
  try {
    reactor_->relay->poller().rearmFd(fd, Interest(read, write), Polling::Tag(tag));
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

void EventLoop::Unwatch(int fd) {
  try {
    reactor_->relay->poller().removeFd(fd);
  } catch (const std::exception&) {
    return;  // it was not watched
  }
}

}  // namespace claviger::api::http
