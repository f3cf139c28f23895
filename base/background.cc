#include "base/background.h"

#include <condition_variable>
#include <mutex>

namespace claviger {

void Background::Stop() {
  RequestStop();
  if (thread_.joinable()) thread_.join();
}

void Background::RestUntil(SteadyTime until) const {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  wake.wait_until(lock, stop_.get_token(), until, [] { return false; });
}

}  // namespace claviger
