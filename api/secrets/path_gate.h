#pragma once
// One writer at a time for each secret path on this node. Without it, writers that meet on one path would
// each seal in the HSM a version that only one of them can commit. Correctness does not rest on it: writers
// on other nodes are caught by the database.

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <unordered_set>
#include <utility>

#include "base/error.h"

namespace claviger::api {

class PathGate {
 public:
  explicit PathGate(std::chrono::milliseconds patience) : patience_(patience) {}

  // Leaves the gate when it goes out of scope.
  class [[nodiscard]] Turn {
   public:
    Turn(PathGate& gate, std::string key) : gate_(&gate), key_(std::move(key)) {}
    Turn(Turn&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)), key_(std::move(other.key_)) {}
    Turn& operator=(Turn&&) = delete;
    ~Turn() {
      if (gate_ != nullptr) gate_->Leave(key_);
    }

   private:
    PathGate* gate_;
    std::string key_;
  };
  // kUnavailable if others hold the key for longer than the patience.
  Result<Turn> Enter(std::string key);

 private:
  void Leave(const std::string& key);

  const std::chrono::milliseconds patience_;
  std::mutex mutex_;  // guards busy_
  std::condition_variable left_;
  std::unordered_set<std::string> busy_;
};

}  // namespace claviger::api
