#pragma once
// A thread that goes on until its owner goes. As the owner's last member it has ended before anything that it
// uses goes.

#include <functional>
#include <stop_token>
#include <thread>

#include "base/clock.h"

namespace claviger {

class Background {
 public:
  Background() = default;
  ~Background() { Stop(); }
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  // `work` ends soon after Stopping().
  void Start(std::function<void()> work) { thread_ = std::thread(std::move(work)); }
  // Of many calls the first counts. Stop() also waits for the end; the thread itself must not call it.
  void RequestStop() { stop_.request_stop(); }
  void Stop();

  bool Stopping() const { return stop_.stop_requested(); }
  // Until Stopping(), if that comes first.
  void RestUntil(SteadyTime until) const;
  void Rest(SteadyTime::duration duration) const { RestUntil(SteadyTime::clock::now() + duration); }

 private:
  std::stop_source stop_;
  std::thread thread_;
};

}  // namespace claviger
