#pragma once
// One connection to one database. Not for use by two threads at once.

#include <chrono>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "schema/pg/config.h"
#include "schema/pg/exchange.h"
#include "schema/pg/handle.h"
#include "schema/pg/param.h"
#include "schema/pg/prepared.h"
#include "schema/pg/rows.h"
#include "schema/pg/statement.h"

namespace claviger::schema {

class Connection {
 public:
  static Result<std::unique_ptr<Connection>> Open(const PgConfig& config, const Log& log);
  ~Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Runs one statement in its own transaction, or in the open one. Errors: kUnavailable (connection,
  // timeouts, serialisation, deadlock, disk full, shutting down), kConflict (unique or foreign-key
  // violation), kInternal (the rest); always with SQLSTATE. If kUnavailable leaves the
  // connection broken, whether the statement took effect is unknown. An idempotent statement outside a
  // transaction is retried once on a fresh connection when the server closed this one or no longer has the
  // statement as prepared; session state (LISTEN, session locks) is then lost.
  Result<Rows> Run(const Statement& statement, std::initializer_list<Param> params);

  struct Call {
    const Statement& statement;
    std::vector<Param> params;
  };
  // One Call, as Run does it: for calls that others made, inside an open transaction.
  Result<Rows> Run(const Call& call);

  // All of them in one transaction and one round trip (libpq pipeline): every call takes effect, or none.
  // Errors as for Run; the first failing call decides. Not inside an open transaction. All within one
  // statement timeout.
  Result<std::vector<Rows>> RunTogether(const std::vector<Call>& calls);

  // Several statements at once, no parameters (migrations), answered within `limit` (zero: as for Run). Each
  // statement has the server's own statement timeout besides. Must leave the transaction as it found it.
  Status RunScript(const std::string& sql, std::chrono::milliseconds limit = {});

  // Rolls back when it goes out of scope uncommitted.
  class [[nodiscard]] Transaction {
   public:
    explicit Transaction(Connection& connection) : connection_(&connection) {}
    Transaction(Transaction&& other) noexcept : connection_(std::exchange(other.connection_, nullptr)) {}
    Transaction& operator=(Transaction&&) = delete;
    ~Transaction();
    // A lost connection here leaves the outcome unknown: kUnavailable; the caller must not assume either.
    // After a statement of the transaction failed nothing is committed: kInternal.
    Status Commit();

   private:
    Connection* connection_;
  };
  Result<Transaction> Begin();

  // True once the connection was given up. A caller that owns it opens another; the pool does so by itself.
  bool broken() const { return handle_ == nullptr; }
  // For LISTEN: waits for any notification, up to `timeout`; false on timeout.
  Result<bool> WaitForNotification(std::chrono::milliseconds timeout);

 private:
  friend class Pool;
  using Params = std::span<const Param>;
  using Entry = PreparedStatements::Entry;
  struct Step {
    size_t call;
    Entry* prepares;  // null for the execution of the call
  };

  Connection(PgConfig config, const Log& log, ConnectionHandle handle)
      : config_(std::move(config)), log_(log), handle_(std::move(handle)) {}

  Status Reconnect();
  Result<Rows> RunWithRetry(const Statement& statement, Params params);
  Result<Rows> RunOnce(const Statement& statement, Params params);
  Result<Entry*> Prepare(const Statement& statement, Params params, SteadyTime deadline);
  bool SendPrepare(const Entry& entry);
  bool SendExecute(const Entry& entry, Params params);
  // The one result of a command, read to its end.
  Result<ResultHandle> ReadAnswer(std::string_view what, SteadyTime deadline);
  Result<ResultHandle> RunSimple(const char* sql, std::string_view what, SteadyTime deadline);

  Result<std::vector<Step>> SendPipeline(const std::vector<Call>& calls);
  Result<std::vector<Rows>> ReadPipeline(const std::vector<Call>& calls, const std::vector<Step>& steps,
                                         SteadyTime deadline);

  Result<ResultHandle> EndTransaction(const char* sql);
  void Rollback();

  // True if an idle connection has nothing to read. Something to read means that the server closed it.
  bool Quiet() const;
  // True if the server has no transaction open on it.
  bool ServerIdle() const;
  void Close(bool curable);
  // Closes after a failed exchange and says why.
  Error GiveUp(Io why, std::string_view what);
  Error Broken(std::string_view what) const;
  SteadyTime AnswerDeadline() const;

  PgConfig config_;
  const Log& log_;
  ConnectionHandle handle_;
  PreparedStatements prepared_;
  bool in_transaction_ = false;
  // Given up for a reason that a fresh connection may cure: the server closed it or forgot our statements,
  // rather than did not answer.
  bool curable_ = false;
};

}  // namespace claviger::schema
