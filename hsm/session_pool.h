#pragma once
// The sessions in which operations run. There are never more than HSM threads that ask (CallPool bounds those
// and their waiting), so the pool itself never waits: it reuses an idle session or opens one.

#include <atomic>
#include <mutex>
#include <optional>
#include <vector>

#include "hsm/session.h"

namespace claviger::hsm {

class SessionPool {
 public:
  SessionPool(std::shared_ptr<Module> module, CK_SLOT_ID slot) : module_(std::move(module)), slot_(slot) {}

  // Gives its session back when it goes; a broken session is closed instead.
  class Lease {
   public:
    Lease(SessionPool& pool, Session session) : pool_(&pool), session_(std::move(session)) {}
    Lease(Lease&& other) noexcept
        : pool_(std::exchange(other.pool_, nullptr)), session_(std::move(other.session_)) {}
    Lease& operator=(Lease&&) = delete;
    ~Lease() {
      if (pool_ != nullptr) pool_->Return(std::move(session_));
    }
    Session& operator*() { return session_; }
    Session* operator->() { return &session_; }

   private:
    SessionPool* pool_;
    Session session_;
  };

  Outcome<Lease> Acquire();
  // Closes what is idle: after one session was lost the others are suspect.
  void DropIdle();

  uint32_t total() const { return total_.load(std::memory_order_relaxed); }
  uint32_t in_use() const { return in_use_.load(std::memory_order_relaxed); }

 private:
  void Return(Session session);
  std::optional<Session> TakeIdle();

  const std::shared_ptr<Module> module_;
  const CK_SLOT_ID slot_;
  std::mutex mutex_;
  std::vector<Session> idle_;  // guarded by mutex_; the last one is the warmest
  std::atomic<uint32_t> total_{0};
  std::atomic<uint32_t> in_use_{0};
};

}  // namespace claviger::hsm
