#pragma once
// Bounded queues with their threads. A full queue refuses at once: never an unbounded backlog.

#include <sched.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <functional>
#include <iterator>
#include <mutex>
#include <thread>
#include <vector>

namespace claviger::api {

// For jobs that cost less together: a free thread takes all that waits, up to `max_batch`. Nothing waits for
// company: while a thread is free every job is a batch of its own.
template <class Job>
class BatchPool {
 public:
  using Work = std::function<void(std::vector<Job>& batch)>;  // oldest first, never empty
  struct Limits {
    uint32_t threads = 1;
    size_t queue = 1;
    size_t batch = 1;
    bool background = false;  // its threads run only where a processor would idle, or hardly (SCHED_IDLE)
  };
  BatchPool(Limits limits, Work work);
  ~BatchPool() { Stop(); }
  BatchPool(const BatchPool&) = delete;
  BatchPool& operator=(const BatchPool&) = delete;

  // False, and the job untouched, if the queue is full or the pool has stopped.
  bool Submit(Job&& job);
  // Runs what is queued, then joins.
  void Stop();
  // Drops what is queued and takes nothing more; what runs goes on. Each dropped job is destroyed here, on
  // the caller's thread.
  void Discard();
  size_t queued() const;

 private:
  void Loop();

  const Limits limits_;
  const Work work_;
  mutable std::mutex mutex_;  // guards queue_ and stopping_
  std::condition_variable wake_;
  std::deque<Job> queue_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

// For all other jobs: one at a time.
class WorkPool : public BatchPool<std::function<void()>> {
 public:
  WorkPool(uint32_t threads, size_t max_queue, bool background = false)
      : BatchPool({threads, max_queue, 1, background}, [](std::vector<std::function<void()>>& jobs) {
          for (const auto& job : jobs) job();
        }) {}
};

template <class Job>
BatchPool<Job>::BatchPool(Limits limits, Work work) : limits_(limits), work_(std::move(work)) {
  threads_.reserve(limits.threads);
  for (uint32_t i = 0; i < limits.threads; ++i) threads_.emplace_back([this] { Loop(); });
}

template <class Job>
bool BatchPool<Job>::Submit(Job&& job) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || queue_.size() >= limits_.queue) return false;
    queue_.push_back(std::move(job));
  }
  wake_.notify_one();
  return true;
}

template <class Job>
void BatchPool<Job>::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (auto& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

template <class Job>
void BatchPool<Job>::Discard() {
  std::deque<Job> dropped;  // goes after the lock: what a job holds may call the pool
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  dropped.swap(queue_);
}

template <class Job>
size_t BatchPool<Job>::queued() const {
  const std::lock_guard lock(mutex_);
  return queue_.size();
}

template <class Job>
void BatchPool<Job>::Loop() {
  if (limits_.background) {
    const sched_param none{};
    static_cast<void>(sched_setscheduler(0, SCHED_IDLE, &none));  // of this thread alone; needs no privilege
  }
  std::vector<Job> batch;
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) return;
    const auto end = queue_.begin() + static_cast<std::ptrdiff_t>(std::min(queue_.size(), limits_.batch));
    batch.assign(std::make_move_iterator(queue_.begin()), std::make_move_iterator(end));
    queue_.erase(queue_.begin(), end);
    lock.unlock();
    work_(batch);
    batch.clear();  // what the jobs hold goes before the next wait
    lock.lock();
  }
}

}  // namespace claviger::api
