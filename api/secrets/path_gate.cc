#include "api/secrets/path_gate.h"

namespace claviger::api {

Result<PathGate::Turn> PathGate::Enter(std::string key) {
  std::unique_lock lock(mutex_);
  const bool free = left_.wait_for(lock, patience_, [&] { return !busy_.contains(key); });
  if (!free) return Unavailable("too many writers of one secret");
  busy_.insert(key);
  return Turn(*this, std::move(key));
}

void PathGate::Leave(const std::string& key) {
  {
    const std::lock_guard lock(mutex_);
    busy_.erase(key);
  }
  left_.notify_all();
}

}  // namespace claviger::api
