#pragma once
// A bounded queue with its threads. A full queue refuses at once: never an unbounded backlog.

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace claviger::api {

class WorkPool {
 public:
  WorkPool(uint32_t threads, size_t max_queue);
  ~WorkPool();  // Stop()

  // False if the queue is full or the pool has stopped.
  bool Submit(std::function<void()> job);
  // Runs what is queued, then joins.
  void Stop();
  // Drops what is queued and takes nothing more; what runs goes on. Each dropped job is destroyed here, on
  // the caller's thread.
  void Discard();
  size_t queued() const;

 private:
  void Loop();

  const size_t max_queue_;
  mutable std::mutex mutex_;  // guards queue_ and stopping_
  std::condition_variable wake_;
  std::deque<std::function<void()>> queue_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace claviger::api
