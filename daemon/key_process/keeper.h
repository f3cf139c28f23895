#pragma once
// The main process of the unit that holds the keys, where it is one of its own: takes channels at a socket,
// starts a key process at each, and holds the ledger. It reads twelve bytes of each channel and no more: what
// comes behind is for the key process. One thread.

#include <string>
#include <vector>

#include "base/log.h"
#include "daemon/account.h"
#include "daemon/key_process/channel.h"
#include "daemon/key_process/nursery.h"
#include "daemon/signals.h"

namespace claviger::daemon {

// Listens at `path`, whose directory must belong to this account or to root and give others nothing; or, if
// systemd hands a socket over, at that one.
Result<Channel> ListenForChannels(const std::string& path);

class Keeper {
 public:
  struct Config {
    Account peer;        // who may connect, and nobody else
    uint32_t seats = 1;  // key processes at a time
  };
  Keeper(const Config& config, const Channel& listener, Nursery& nursery, const Log& log)
      : config_(config), listener_(listener), nursery_(nursery), log_(log) {}

  // Until a stop signal.
  void Serve(Signals& signals);

 private:
  void TakeOne();

  const Config config_;
  const Channel& listener_;
  Nursery& nursery_;
  const Log& log_;
};

}  // namespace claviger::daemon
