#pragma once
// A starter that runs as a service of its own, the keeper (keeper.h), and is reached at a socket.

#include <atomic>
#include <string>

#include "daemon/account.h"
#include "daemon/key_process/starter.h"

namespace claviger::daemon {

class ConnectedStarter final : public Starter {
 public:
  // `account` is the keeper's.
  ConnectedStarter(std::string path, const Account& account) : path_(std::move(path)), account_(account) {}
  // kUnavailable while nobody listens there.
  Result<Started> Start(uint32_t seat) override;

 private:
  const std::string path_;
  const Account account_;
  std::atomic<uint64_t> asked_{0};
};

}  // namespace claviger::daemon
