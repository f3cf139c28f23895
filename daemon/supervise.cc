#include "daemon/supervise.h"

namespace claviger::daemon {
namespace {

constexpr std::chrono::milliseconds kLongestWait{60000};

void Reload(api::http::Server& server, Exports& exports, const ServiceManager& manager, const Log& log) {
  manager.Reloading();
  exports.Reopen();
  const Status reloaded = server.ReloadTls();
  if (reloaded) {
    log.Info("certificate reloaded");
  } else {
    log.Failure("certificate not reloaded, the old one stays", reloaded.error());
  }
  manager.Ready();
}

}  // namespace

void Supervise(api::http::Server& server, Exports& exports, Signals& signals, const ServiceManager& manager,
               const Log& log) {
  const auto interval = manager.watchdog_interval();
  for (;;) {
    const auto signal = signals.Wait(interval.value_or(kLongestWait));
    if (signal == Signal::kStop) return;
    if (signal == Signal::kReload) Reload(server, exports, manager, log);
    if (interval && server.Alive(*interval)) manager.Alive();
  }
}

}  // namespace claviger::daemon
