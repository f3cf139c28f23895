#pragma once
// A bounded pool of connections, shared by all threads. Broken connections are replaced at the next acquire.
// While the server is down one caller at a time tries to connect, with growing pauses; the others get
// kUnavailable at once.

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <random>
#include <vector>

#include "schema/pg/connection.h"

namespace claviger::schema {

// Pauses between attempts to connect: 100 ms doubling to 5 s, each drawn from the upper half of its size so
// that several nodes do not come back in step.
class Backoff {
 public:
  Backoff();
  bool failing() const { return failures_ != 0; }
  std::chrono::milliseconds NextPause();
  void Reset() { failures_ = 0; }

 private:
  uint32_t failures_ = 0;
  std::minstd_rand jitter_;
};

class Pool {
 public:
  Pool(PgConfig config, const Log& log);
  // All leases must have been returned.
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  class [[nodiscard]] Lease {
   public:
    Lease(Pool& pool, std::unique_ptr<Connection> connection)
        : pool_(&pool), connection_(std::move(connection)) {}
    Lease(Lease&& other) noexcept = default;
    Lease& operator=(Lease&&) = delete;
    ~Lease();
    Connection* operator->() { return connection_.get(); }
    Connection& operator*() { return *connection_; }

   private:
    Pool* pool_;
    std::unique_ptr<Connection> connection_;
  };
  // kUnavailable if none comes free within `acquire_timeout`, or if the server cannot be reached.
  Result<Lease> Acquire();

  uint32_t in_use() const;
  uint32_t size() const { return config_.pool_size; }

 private:
  void Return(std::unique_ptr<Connection> connection);
  // An idle connection or null, with the right to a place in the pool taken in either case.
  Result<std::unique_ptr<Connection>> TakePlace();
  Result<std::unique_ptr<Connection>> OpenInPlace();
  // These three with mutex_ held.
  void LeavePlace();
  void NoteReachable();
  void NoteUnreachable(bool probe, const Error& error);

  PgConfig config_;
  const Log& log_;
  mutable std::mutex mutex_;  // guards everything below
  std::condition_variable returned_;
  std::vector<std::unique_ptr<Connection>> idle_;  // the last is the most recently used
  uint32_t out_ = 0;                               // leased or being opened
  bool probing_ = false;                           // somebody tries a server that failed
  Backoff backoff_;
  SteadyTime retry_after_{};
};

}  // namespace claviger::schema
