#include "schema/pg/pool.h"

#include <algorithm>
#include <cstdlib>

#include "schema/pg/sqlstate.h"

namespace claviger::schema {

using std::chrono::milliseconds;

Backoff::Backoff() : jitter_(std::random_device{}()) {}

milliseconds Backoff::NextPause() {
  constexpr int64_t kFirst = 100;
  constexpr int64_t kLongest = 5000;
  const int64_t full = std::min(kLongest, kFirst << std::min(failures_, 6U));
  ++failures_;
  return milliseconds(std::uniform_int_distribution<int64_t>(full / 2, full)(jitter_));
}

Pool::Pool(PgConfig config, const Log& log) : config_(std::move(config)), log_(log) {
  idle_.reserve(config_.pool_size);
}

Pool::~Pool() {
  if (out_ != 0) std::abort();
}

Pool::Lease::~Lease() {
  if (connection_) pool_->Return(std::move(connection_));
}

Result<Pool::Lease> Pool::Acquire() {
  TRY(auto connection, TakePlace());
  // After a restart of the server every idle connection is dead; each is found out here, before it is used.
  if (connection && !connection->Quiet()) connection.reset();
  if (!connection) {
    TRY(connection, OpenInPlace());
  }
  return Lease(*this, std::move(connection));
}

Result<std::unique_ptr<Connection>> Pool::TakePlace() {
  const SteadyTime deadline = std::chrono::steady_clock::now() + config_.acquire_timeout;
  std::unique_lock lock(mutex_);
  if (!returned_.wait_until(lock, deadline, [&] { return !idle_.empty() || out_ < config_.pool_size; }))
    return ConnectionError("53300", "no pooled connection came free in time");
  ++out_;
  if (idle_.empty()) return std::unique_ptr<Connection>();
  auto connection = std::move(idle_.back());
  idle_.pop_back();
  return connection;
}

Result<std::unique_ptr<Connection>> Pool::OpenInPlace() {
  std::unique_lock lock(mutex_);
  const bool probe = backoff_.failing();
  if (probe && (probing_ || std::chrono::steady_clock::now() < retry_after_)) {
    LeavePlace();
    return ConnectionError("08001", "the server could not be reached a moment ago");
  }
  probing_ = probe;
  lock.unlock();
  auto connection = Connection::Open(config_, log_);
  lock.lock();
  if (connection)
    NoteReachable();
  else
    NoteUnreachable(probe, connection.error());
  if (!connection) LeavePlace();
  return connection;
}

void Pool::NoteReachable() {
  if (backoff_.failing()) log_.Info("PostgreSQL can be reached again");
  backoff_.Reset();
  probing_ = false;
}

void Pool::NoteUnreachable(bool probe, const Error& error) {
  // Many callers may fail at the same moment; that is one failure, not a reason for a long pause.
  if (backoff_.failing() && !probe) return;
  if (!backoff_.failing()) log_.Failure("PostgreSQL cannot be reached", error);
  retry_after_ = std::chrono::steady_clock::now() + backoff_.NextPause();
  probing_ = false;
}

void Pool::LeavePlace() {
  --out_;
  returned_.notify_one();
}

void Pool::Return(std::unique_ptr<Connection> connection) {
  // Declared before the lock: a connection that is not kept is closed after the lock is released.
  std::unique_ptr<Connection> unfit;
  if (connection->broken() || connection->in_transaction_ || !connection->ServerIdle())
    unfit = std::move(connection);
  const std::lock_guard lock(mutex_);
  --out_;
  if (connection) idle_.push_back(std::move(connection));
  returned_.notify_one();
}

uint32_t Pool::in_use() const {
  const std::lock_guard lock(mutex_);
  return out_;
}

}  // namespace claviger::schema
