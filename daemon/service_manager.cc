#include "daemon/service_manager.h"

#include <systemd/sd-daemon.h>

#include <ctime>

namespace claviger::daemon {

ServiceManager::ServiceManager() {
  uint64_t microseconds = 0;
  if (sd_watchdog_enabled(0, &microseconds) > 0) {
    watchdog_interval_ = std::chrono::milliseconds(microseconds / 2000);  // twice per period
  }
}

void ServiceManager::Ready() const { sd_notify(0, "READY=1\nSTATUS=serving"); }

void ServiceManager::Reloading() const {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld",
             static_cast<long long>(now.tv_sec) * 1000000 + now.tv_nsec / 1000);
}

void ServiceManager::Stopping() const { sd_notify(0, "STOPPING=1\nSTATUS=finishing answers in flight"); }

void ServiceManager::Alive() const { sd_notify(0, "WATCHDOG=1"); }

}  // namespace claviger::daemon
