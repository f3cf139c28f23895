#include "daemon/supervise.h"

#include <future>
#include <utility>

namespace claviger::daemon {
namespace {

constexpr std::chrono::milliseconds kLongestWait{60000};
constexpr std::chrono::milliseconds kReloadPoll{20};

void Tell(const Status& reloaded, const Log& log) {
  if (reloaded) {
    log.Info("certificate reloaded");
  } else {
    log.Failure("certificate not reloaded, the old one stays", reloaded.error());
  }
}

// Without memory for a thread it is made when it is asked for.
bool IsDone(const std::future<Status>& reload) {
  return reload.wait_for(std::chrono::seconds::zero()) != std::future_status::timeout;
}

}  // namespace

// The certificate is read on a thread of its own: the HSM may have it wait for longer than the watchdog does.
Status Supervise(api::http::Server& server, Exports& exports, const Starters& starters, Signals& signals,
                 const ServiceManager& manager, const Log& log) {
  const auto interval = manager.watchdog_interval();
  std::future<Status> reload;  // valid while it is under way
  bool wanted = false;
  for (;;) {
    const auto signal = signals.Wait(reload.valid() ? kReloadPoll : interval.value_or(kLongestWait));
    if (signal == Signal::kStop) return Ok();
    if (starters.AnyGone()) {
      return Unavailable("The process that starts key processes has ended");
    }
    if (signal == Signal::kReload) wanted = true;
    if (reload.valid() && IsDone(reload)) {
      Tell(reload.get(), log);
      manager.Ready();
    }
    if (!reload.valid() && std::exchange(wanted, false)) {
      manager.Reloading();
      exports.Reopen();
      reload = std::async([&server] { return server.ReloadTls(); });
    }
    if (interval && server.Alive(*interval)) manager.Alive();
  }
}

}  // namespace claviger::daemon
