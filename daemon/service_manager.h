#pragma once
// What systemd wants to know (sd_notify(3)); silent when nobody listens.

#include <chrono>
#include <optional>

namespace claviger::daemon {

class ServiceManager {
 public:
  ServiceManager();
  void Ready() const;
  void Reloading() const;
  void Stopping() const;
  // To be called at least this often with Alive(); nothing if no watchdog is set.
  std::optional<std::chrono::milliseconds> watchdog_interval() const { return watchdog_interval_; }
  void Alive() const;

 private:
  std::optional<std::chrono::milliseconds> watchdog_interval_;
};

}  // namespace claviger::daemon
