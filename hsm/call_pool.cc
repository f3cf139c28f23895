#include "hsm/call_pool.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace claviger::hsm {

namespace {
constexpr std::chrono::seconds kShutdownPatience{5};
}

struct CallPool::Shared {
  explicit Shared(Limits given) : limits(given) {}

  const Limits limits;
  mutable std::mutex mutex;  // guards everything below
  std::condition_variable work;
  std::condition_variable changed;  // a call or a thread ended
  std::deque<std::shared_ptr<Call>> queue;
  std::shared_ptr<Call> alone;  // next to run by itself
  bool closed = false;          // a RunAlone waits or runs: the queue stands still
  bool stopping = false;
  uint32_t threads = 0;
  uint32_t idle = 0;
  uint32_t running = 0;
  uint32_t hung = 0;  // part of running
  std::function<void()> on_return;

  bool HasWork() const { return alone != nullptr || (!closed && !queue.empty()); }
  std::shared_ptr<Call> Next() {
    if (alone != nullptr) return std::exchange(alone, nullptr);
    auto call = std::move(queue.front());
    queue.pop_front();
    return call;
  }
};

CallPool::CallPool(Limits limits) : shared_(std::make_shared<Shared>(limits)) {}

CallPool::~CallPool() {
  std::unique_lock lock(shared_->mutex);
  shared_->stopping = true;
  shared_->queue.clear();
  shared_->on_return = nullptr;
  shared_->work.notify_all();
  const bool all_left =
      shared_->changed.wait_for(lock, kShutdownPatience, [this] { return shared_->threads == 0; });
  lock.unlock();
  for (std::thread& thread : threads_) {
    if (all_left) {
      thread.join();
    } else {
      thread.detach();
    }
  }
  if (!all_left) SkipExitHandlers(shared_);
}

// exit() would destroy what the module and its libraries made for themselves, beneath the threads inside. Its
// handlers run from the newest to the oldest, so this one comes first.
void CallPool::SkipExitHandlers(std::shared_ptr<Shared> left) {
  const auto leave = [](int status, void* argument) {
    const std::unique_ptr<std::shared_ptr<Shared>> shared(static_cast<std::shared_ptr<Shared>*>(argument));
    const std::lock_guard lock((*shared)->mutex);
    if ((*shared)->threads == 0) return;
    std::fflush(stdout);
    ::_exit(status);
  };
  ::on_exit(leave, new std::shared_ptr<Shared>(std::move(left)));
}

void CallPool::OnReturn(std::function<void()> notify) {
  const std::lock_guard lock(shared_->mutex);
  shared_->on_return = std::move(notify);
}

uint32_t CallPool::hung() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->hung;
}

// Each hung thread may be replaced, up to as many again as the limit: a module that swallows every call for
// ever must not make threads for ever.
void CallPool::StartThreadIfNeeded() {
  Shared& shared = *shared_;
  const uint32_t able = shared.threads - shared.hung;
  // An idle thread counts for one waiting call: behind a call that hangs nothing may wait for its thread.
  const size_t waiting = shared.queue.size() + (shared.alone != nullptr ? 1 : 0);
  if (shared.idle >= waiting) return;
  if (able >= shared.limits.threads || shared.threads >= 2 * shared.limits.threads) return;
  ++shared.threads;
  threads_.emplace_back(&CallPool::Serve, shared_);
}

void CallPool::Serve(std::shared_ptr<Shared> shared) {
  std::unique_lock lock(shared->mutex);
  while (true) {
    ++shared->idle;
    shared->work.wait(lock, [&] { return shared->stopping || shared->HasWork(); });
    --shared->idle;
    if (shared->stopping) break;
    const bool alone = shared->alone != nullptr;
    auto call = shared->Next();
    ++shared->running;
    lock.unlock();
    const bool was_hung = Perform(*call);
    call.reset();  // outside the lock: what it owns may go with it
    lock.lock();
    --shared->running;
    if (was_hung) Returned(*shared, alone);
    if (shared->closed) shared->changed.notify_all();
  }
  --shared->threads;
  shared->changed.notify_all();
}

// True if the caller had given the call up.
bool CallPool::Perform(Call& call) {
  {
    const std::lock_guard lock(call.mutex_);
    if (call.stage_ == Call::Stage::kCancelled) return false;
    call.stage_ = Call::Stage::kRunning;
  }
  call.Execute();
  bool abandoned = false;
  {
    const std::lock_guard lock(call.mutex_);
    call.stage_ = Call::Stage::kDone;
    abandoned = call.abandoned_;
    call.done_.store(true, std::memory_order_release);
  }
  // After the lock, or the waiting thread would wake up only to wait for it.
  call.ended_.notify_one();
  return abandoned;
}

void CallPool::Returned(Shared& shared, bool alone) {
  --shared.hung;
  if (alone) {
    shared.closed = false;
    shared.work.notify_all();
  }
  if (shared.on_return) shared.on_return();
}

CallPool::Ending CallPool::Await(const std::shared_ptr<Call>& call, SteadyTime start_by,
                                 SteadyTime finish_by) {
  std::unique_lock lock(call->mutex_);
  const auto is_done = [&] { return call->stage_ == Call::Stage::kDone; };
  if (call->ended_.wait_until(lock, std::min(start_by, finish_by), is_done)) return Ending::kDone;
  if (call->stage_ == Call::Stage::kQueued) {
    call->stage_ = Call::Stage::kCancelled;
    Withdraw(call);
    return Ending::kBusy;
  }
  if (call->ended_.wait_until(lock, finish_by, is_done)) return Ending::kDone;
  call->abandoned_ = true;
  const std::lock_guard pool_lock(shared_->mutex);
  ++shared_->hung;
  return Ending::kHung;
}

// Lock order: a call's mutex before the pool's. HSM threads never hold both.
void CallPool::Withdraw(const std::shared_ptr<Call>& call) {
  const std::lock_guard lock(shared_->mutex);
  std::erase(shared_->queue, call);
  if (shared_->alone == call) shared_->alone = nullptr;
}

bool CallPool::Start(const std::shared_ptr<Call>& call, Order order) {
  {
    const std::lock_guard lock(shared_->mutex);
    const bool full = order == Order::kLast && shared_->queue.size() >= shared_->limits.queue;
    if (shared_->stopping || full) return false;
    if (order == Order::kFirst) {
      shared_->queue.push_front(call);
    } else {
      shared_->queue.push_back(call);
    }
    StartThreadIfNeeded();
  }
  shared_->work.notify_one();
  return true;
}

CallPool::Ending CallPool::Run(const std::shared_ptr<Call>& call, SteadyTime start_by, SteadyTime finish_by,
                               Order order) {
  return Start(call, order) ? Await(call, start_by, finish_by) : Ending::kBusy;
}

CallPool::Ending CallPool::RunAlone(const std::shared_ptr<Call>& call, SteadyTime start_by,
                                    SteadyTime finish_by) {
  std::unique_lock lock(shared_->mutex);
  if (shared_->stopping || shared_->closed) return Ending::kBusy;
  shared_->closed = true;
  const bool empty = shared_->changed.wait_until(lock, start_by, [this] { return shared_->running == 0; });
  auto ending = Ending::kBusy;
  if (empty) {
    shared_->alone = call;
    StartThreadIfNeeded();
    lock.unlock();
    shared_->work.notify_one();
    ending = Await(call, finish_by, finish_by);
    lock.lock();
  }
  // A call that hangs keeps the gate closed until it returns.
  if (ending != Ending::kHung) {
    shared_->closed = false;
    shared_->work.notify_all();
  }
  return ending;
}

}  // namespace claviger::hsm
