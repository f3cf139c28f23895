#pragma once
// What all threads of one server count together.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace claviger::api::http {

struct Counters {
  std::atomic<uint64_t> connections_total{0};
  std::atomic<uint64_t> requests_total{0};
  std::atomic<uint64_t> in_flight{0};
  std::atomic<uint64_t> dropped_answers{0};
  std::atomic<uint64_t> refused_connections{0};
};

// Memory that large bodies of all connections may take together: nobody has logged in yet when a request's
// body is read, and a client may read an answer slowly. Small bodies are bounded by the number of connections
// alone.
class BodyBudget {
 public:
  static constexpr size_t kFree = 64 * 1024;  // up to this a body needs no share

  explicit BodyBudget(size_t bytes) : left_(static_cast<int64_t>(bytes)) {}

  class Share {
   public:
    Share() = default;
    Share(BodyBudget* budget, int64_t size) : budget_(budget), size_(size) {}
    ~Share() { Release(); }
    Share(Share&& other) noexcept : budget_(std::exchange(other.budget_, nullptr)), size_(other.size_) {}
    Share& operator=(Share&& other) noexcept {
      if (this != &other) {
        Release();
        budget_ = std::exchange(other.budget_, nullptr);
        size_ = other.size_;
      }
      return *this;
    }
    void Release() {
      if (budget_ != nullptr) std::exchange(budget_, nullptr)->left_ += size_;
    }

   private:
    BodyBudget* budget_ = nullptr;
    int64_t size_ = 0;
  };

  // False if it does not fit now.
  bool Take(size_t size, Share& share) {
    if (size <= kFree) return true;
    const auto wanted = static_cast<int64_t>(size);
    if (left_.fetch_sub(wanted) < wanted) {
      left_ += wanted;
      return false;
    }
    share = Share(this, wanted);
    return true;
  }

 private:
  std::atomic<int64_t> left_;
};

}  // namespace claviger::api::http
