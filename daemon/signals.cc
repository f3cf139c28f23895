#include "daemon/signals.h"

#include <csignal>
#include <ctime>

namespace claviger::daemon {
namespace {

sigset_t OurSignals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGCHLD}) sigaddset(&set, number);
  return set;
}

}  // namespace

Signals::Signals() {
  const sigset_t set = OurSignals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

std::optional<Signal> Signals::Wait(std::chrono::milliseconds limit) {
  const sigset_t set = OurSignals();
  const timespec timeout{limit.count() / 1000, (limit.count() % 1000) * 1000000};
  const int number = sigtimedwait(&set, nullptr, &timeout);
  if (number < 0) return std::nullopt;  // nothing came, or a debugger interrupted
  if (number == SIGHUP) return Signal::kReload;
  return number == SIGCHLD ? Signal::kChild : Signal::kStop;
}

}  // namespace claviger::daemon
