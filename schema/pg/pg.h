#pragma once
// The thin libpq layer: the only place that knows PostgreSQL's client library. Worker threads only: every
// call may block, and every call has a time limit (connect, statement, lock and client side).
//
//   TRY(auto lease, pool.Acquire());              // bounded wait, else kUnavailable
//   TRY(auto rows, lease->Run(kFindVault, {org, vault}));
//
// SQL text is a constant `Statement`, prepared once per connection; values travel only as parameters.

#include <chrono>
#include <condition_variable>
#include <functional>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/ids.h"
#include "base/log.h"

struct pg_conn;
struct pg_result;

namespace claviger::schema {

// One parameterised SQL statement. `name` is unique in the program; keep it constexpr/static.
struct Statement {
  const char* name;
  const char* sql;
  // True if repeating it after a lost connection does no harm (plain SELECTs). Only those are ever retried.
  bool idempotent = false;
};

// One parameter. Uuids, integers, times and bytes travel in binary form; text as text.
class Param {
 public:
  Param(std::nullopt_t) {}
  Param(std::string_view text);
  Param(const std::string& text) : Param(std::string_view(text)) {}
  Param(const char* text) : Param(std::string_view(text)) {}
  Param(int32_t number);
  Param(uint32_t number);  // int4; at most 2^31 - 1
  Param(int64_t number);
  Param(uint64_t number);  // int8; at most 2^63 - 1
  Param(bool flag);
  Param(Time time);
  Param(ByteView bytes);
  Param(const Bytes& bytes) : Param(ByteView(bytes)) {}
  Param(const Uuid& uuid);
  template <class Tag>
  Param(const Id<Tag>& id) : Param(id.uuid) {}
  template <class T>
  Param(const std::optional<T>& value) {
    if (value) *this = Param(*value);
  }

  // For multi-row inserts through unnest().
  static Param UuidArray(const std::vector<Uuid>& values);
  static Param TextArray(const std::vector<std::string>& values);
  static Param TimeArray(const std::vector<Time>& values);
  static Param Int8Array(const std::vector<int64_t>& values);
  static Param ByteaArray(const std::vector<Bytes>& values);

  const std::optional<std::string>& value() const { return value_; }
  uint32_t type() const { return type_; }
  bool binary() const { return binary_; }

 private:
  std::optional<std::string> value_;
  uint32_t type_ = 0;  // PostgreSQL type oid
  bool binary_ = false;
};

// The rows of one answer, in binary form; wiped when released. A column of another type or an unexpected NULL
// is a programming error and aborts.
class Rows {
 public:
  explicit Rows(pg_result* result);
  ~Rows();
  Rows(Rows&& other) noexcept;
  Rows& operator=(Rows&& other) noexcept;

  int size() const;
  bool empty() const { return size() == 0; }
  // Rows an INSERT, UPDATE or DELETE touched.
  int64_t affected() const;

  bool IsNull(int row, int column) const;
  std::string_view Text(int row, int column) const;
  ByteView Blob(int row, int column) const;
  int32_t Int4(int row, int column) const;
  int64_t Int8(int row, int column) const;
  bool Bool(int row, int column) const;
  Time Timestamp(int row, int column) const;
  Uuid UuidAt(int row, int column) const;
  template <class IdType>
  IdType IdAt(int row, int column) const {
    return IdType{UuidAt(row, column)};
  }

 private:
  pg_result* result_;
};

struct PgConfig {
  std::string conninfo;  // libpq connection string; password by passfile only
  uint32_t pool_size = 16;
  std::chrono::milliseconds connect_timeout{3000};
  std::chrono::milliseconds acquire_timeout{2000};
  std::chrono::milliseconds statement_timeout{5000};
  std::chrono::milliseconds lock_timeout{2000};
  std::chrono::milliseconds idle_in_transaction_timeout{10000};
};

// One connection to one database. Not for use by two threads at once.
class Connection {
 public:
  static Result<std::unique_ptr<Connection>> Open(const PgConfig& config, const Log& log);
  ~Connection();

  // Runs one statement in its own transaction, or in the open one. Errors: kUnavailable (connection,
  // timeouts, serialisation, deadlock, disk full, shutting down), kConflict (unique or foreign-key
  // violation), kInternal (the rest); always with SQLSTATE. An idempotent statement outside a transaction is
  // retried once on a fresh connection.
  Result<Rows> Run(const Statement& statement, std::initializer_list<Param> params);
  struct Call {
    const Statement& statement;
    std::vector<Param> params;
  };
  // One Call as Run does it: for those that others made, inside an open transaction.
  Result<Rows> Run(const Call& call);
  // All of them in one transaction and one round trip (libpq pipeline): every call takes effect, or none.
  // Errors as for Run; the first failing call decides. Not inside an open transaction.
  Result<std::vector<Rows>> RunTogether(const std::vector<Call>& calls);
  // Several statements at once, no parameters (migrations).
  Status RunScript(const std::string& sql);

  // Rolls back when it goes out of scope uncommitted.
  class [[nodiscard]] Transaction {
   public:
    explicit Transaction(Connection& connection) : connection_(&connection) {}
    Transaction(Transaction&& other) noexcept : connection_(std::exchange(other.connection_, nullptr)) {}
    Transaction& operator=(Transaction&&) = delete;
    ~Transaction();
    // A lost connection here leaves the outcome unknown: kUnavailable; the caller must not assume either.
    Status Commit();

   private:
    Connection* connection_;
  };
  Result<Transaction> Begin();

  bool broken() const;
  // For LISTEN: waits for any notification, up to `timeout`; false on timeout.
  Result<bool> WaitForNotification(std::chrono::milliseconds timeout);

 private:
  friend class Pool;
  Connection(PgConfig config, const Log& log, pg_conn* handle);
  Status Reconnect();
  Status Prepare(const Statement& statement);
  Result<Rows> RunOnce(const Statement& statement, std::initializer_list<Param> params);

  PgConfig config_;
  const Log& log_;
  pg_conn* handle_;
  std::unordered_set<std::string> prepared_;
  bool in_transaction_ = false;
};

// A bounded pool. Broken connections are replaced at the next acquire, with backoff shared by all waiters, so
// that a dead server costs callers one quick kUnavailable each.
class Pool {
 public:
  Pool(PgConfig config, const Log& log);
  ~Pool();

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
  Result<Lease> Acquire();

  uint32_t in_use() const;
  uint32_t size() const { return config_.pool_size; }

 private:
  void Return(std::unique_ptr<Connection> connection);

  PgConfig config_;
  const Log& log_;
  mutable std::mutex mutex_;  // guards everything below
  std::condition_variable returned_;
  std::vector<std::unique_ptr<Connection>> idle_;
  uint32_t out_ = 0;
  SteadyTime retry_after_{};
};

}  // namespace claviger::schema
