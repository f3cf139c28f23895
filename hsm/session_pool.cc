#include "hsm/session_pool.h"

#include <utility>

namespace claviger::hsm {

std::optional<Session> SessionPool::TakeIdle() {
  const std::lock_guard lock(mutex_);
  if (idle_.empty()) return std::nullopt;
  std::optional<Session> session(std::move(idle_.back()));
  idle_.pop_back();
  return session;
}

Outcome<SessionPool::Lease> SessionPool::Acquire() {
  auto session = TakeIdle();
  if (!session) {
    TRY(auto fresh, Session::Open(module_, slot_, Access::kReadOnly));
    session.emplace(std::move(fresh));
    ++total_;
  }
  ++in_use_;
  return Lease(*this, std::move(*session));
}

void SessionPool::Return(Session session) {
  --in_use_;
  if (session.broken()) {
    --total_;
    return;
  }
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(session));
}

void SessionPool::DropIdle() {
  std::vector<Session> dropped;
  {
    const std::lock_guard lock(mutex_);
    dropped.swap(idle_);
  }
  total_ -= static_cast<uint32_t>(dropped.size());
}

}  // namespace claviger::hsm
