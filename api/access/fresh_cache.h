#pragma once
// What a node remembers of the database: by key, bounded, and believed only while the change feed is fresh. A
// ChangeListener holds one and decides what a change makes it forget; all its methods may be called from any
// thread.

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "base/clock.h"

namespace claviger::api {

// A null value is one too: that there is nothing.
template <class Key, class Value>
class FreshCache {
 public:
  using Pointer = std::shared_ptr<const Value>;
  struct Limits {
    size_t entries;
    size_t bytes;  // of all values, each by its Bytes(); one alone may be larger
  };
  FreshCache(const Clock& clock, const Limits& limits) : clock_(clock), limits_(limits) {}

  // nullopt if it is not known, or not for sure.
  std::optional<Pointer> Find(const Key& key) {
    // Trust before look-up: what the feed made this cache forget before it renewed the trust is gone by then.
    if (clock_.Steady() >= trusted_until_.load()) return std::nullopt;
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(key);
    if (found == entries_.end()) return std::nullopt;
    return found->second;
  }

  // To be asked before a value is loaded that shall be remembered: if anything is forgotten meanwhile, it is
  // not.
  uint64_t Epoch() {
    const std::lock_guard lock(mutex_);
    return epoch_;
  }

  void Remember(const Key& key, const Pointer& value, uint64_t epoch) {
    const size_t bytes = BytesOf(value);
    const std::lock_guard lock(mutex_);
    if (epoch != epoch_) return;
    if (const auto old = entries_.find(key); old != entries_.end()) Drop(old);
    // Any victim will do: what is dropped costs whoever needs it one SELECT.
    while (!entries_.empty() && (entries_.size() >= limits_.entries || bytes_ + bytes > limits_.bytes)) {
      Drop(entries_.begin());
    }
    entries_.emplace(key, value);
    bytes_ += bytes;
  }

  void Forget(const Key& key) {
    const std::lock_guard lock(mutex_);
    ++epoch_;
    if (const auto found = entries_.find(key); found != entries_.end()) Drop(found);
  }

  void ForgetAll() {
    const std::lock_guard lock(mutex_);
    ++epoch_;
    entries_.clear();
    bytes_ = 0;
  }

  void TrustUntil(SteadyTime until) { trusted_until_.store(until); }

 private:
  using Entries = std::unordered_map<Key, Pointer>;
  static size_t BytesOf(const Pointer& value) { return value ? value->Bytes() : 0; }
  void Drop(typename Entries::iterator entry) {
    bytes_ -= BytesOf(entry->second);
    entries_.erase(entry);
  }

  const Clock& clock_;
  const Limits limits_;
  std::atomic<SteadyTime> trusted_until_{SteadyTime{}};
  std::mutex mutex_;  // guards everything below; held for one look-up at a time
  Entries entries_;
  size_t bytes_ = 0;
  uint64_t epoch_ = 0;  // grows with every Forget
};

}  // namespace claviger::api
