#pragma once
// A key process at its end of the channel: says how it is, and answers until the channel ends.

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "base/log.h"
#include "daemon/key_process/channel.h"
#include "daemon/key_process/key_service.h"

namespace claviger::daemon {

// Tells the API process four times a second that this process is alive, and how its HSM is.
class Pulse {
 public:
  explicit Pulse(Channel& channel);
  ~Pulse();
  // The keyring whose health it tells; null: the HSM is unavailable.
  void Watch(const crypto::Keyring* keyring);

 private:
  void Loop();

  Channel& channel_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  const crypto::Keyring* keyring_ = nullptr;
  bool stopping_ = false;
  std::thread thread_;
};

// Answers on as many threads as there are requests under way, `max_threads` at most. Returns when the channel
// has ended and no thread is left; a message that is no request ends it.
class KeyServer {
 public:
  KeyServer(Channel& channel, KeyService& service, uint32_t max_threads, const Log& log)
      : channel_(channel), service_(service), max_threads_(max_threads), log_(log) {}
  void Serve();

 private:
  void Loop();
  void Grow();

  Channel& channel_;
  KeyService& service_;
  const uint32_t max_threads_;
  const Log& log_;
  std::atomic<int> idle_{0};
  std::mutex mutex_;  // guards threads_
  std::vector<std::thread> threads_;
};

}  // namespace claviger::daemon
