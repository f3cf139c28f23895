#include "schema/pg/connection.h"

#include <libpq-fe.h>
#include <poll.h>

#include <boost/container/small_vector.hpp>
#include <string_view>

#include "schema/pg/connect.h"
#include "schema/pg/sqlstate.h"

namespace claviger::schema {
namespace {

constexpr int kBinary = 1;

bool Failed(const pg_result* result) {
  const ExecStatusType status = PQresultStatus(result);
  return status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY;
}

}  // namespace

Result<std::unique_ptr<Connection>> Connection::Open(const PgConfig& config, const Log& log) {
  TRY(auto handle, Connect(config, log));
  return std::unique_ptr<Connection>(new Connection(config, log, std::move(handle)));
}

Status Connection::Reconnect() {
  Close(/*curable=*/false);
  TRY(handle_, Connect(config_, log_));
  curable_ = false;
  return Ok();
}

Result<Rows> Connection::Run(const Statement& statement, std::initializer_list<Param> params) {
  return RunWithRetry(statement, Params(params.begin(), params.size()));
}

Result<Rows> Connection::Run(const Call& call) { return RunWithRetry(call.statement, call.params); }

Result<Rows> Connection::RunWithRetry(const Statement& statement, Params params) {
  auto rows = RunOnce(statement, params);
  if (rows || !curable_ || in_transaction_ || !statement.idempotent) return rows;
  TRYV(Reconnect());
  return RunOnce(statement, params);
}

Result<Rows> Connection::RunOnce(const Statement& statement, Params params) {
  if (broken()) return Broken(statement.name);
  const SteadyTime deadline = AnswerDeadline();
  TRY(const Entry* entry, Prepare(statement, params, deadline));
  if (!SendExecute(*entry, params)) return GiveUp(Io::kLost, statement.name);
  TRY(auto result, ReadAnswer(statement.name, deadline));
  return Rows(result.release());
}

Result<Connection::Entry*> Connection::Prepare(const Statement& statement, Params params,
                                               SteadyTime deadline) {
  Entry& entry = prepared_.Find(statement, params);
  if (entry.state == Entry::State::kReady) return &entry;
  if (!SendPrepare(entry)) return GiveUp(Io::kLost, statement.name);
  TRYV(ReadAnswer(statement.name, deadline));
  entry.state = Entry::State::kReady;
  return &entry;
}

bool Connection::SendPrepare(const Entry& entry) {
  return PQsendPrepare(handle_.get(), entry.server_name.c_str(), entry.sql,
                       static_cast<int>(entry.types.size()), entry.types.data()) != 0;
}

bool Connection::SendExecute(const Entry& entry, Params params) {
  constexpr size_t kUsual = 16;
  boost::container::small_vector<const char*, kUsual> values;
  boost::container::small_vector<int, kUsual> lengths;
  boost::container::small_vector<int, kUsual> formats(params.size(), kBinary);
  for (const Param& param : params) {
    const auto value = param.value();
    values.push_back(!value ? nullptr : value->empty() ? "" : value->data());
    lengths.push_back(value ? static_cast<int>(value->size()) : 0);
  }
  return PQsendQueryPrepared(handle_.get(), entry.server_name.c_str(), static_cast<int>(params.size()),
                             values.data(), lengths.data(), formats.data(), kBinary) != 0;
}

Result<ResultHandle> Connection::ReadAnswer(std::string_view what, SteadyTime deadline) {
  ResultHandle decisive;  // the first failure, else the last result
  Io io = Flush(handle_.get(), deadline);
  while (io == Io::kDone) {
    ResultHandle next;
    io = NextResult(handle_.get(), deadline, next);
    if (io != Io::kDone || !next) break;
    if (!decisive || !Failed(decisive.get())) decisive = std::move(next);
  }
  const bool failed = decisive && Failed(decisive.get());
  // A server that shuts down says so before it closes: its reason is the better one.
  if (io != Io::kDone || PQstatus(handle_.get()) == CONNECTION_BAD || !decisive) {
    Error lost = GiveUp(io == Io::kTimedOut ? Io::kTimedOut : Io::kLost, what);
    if (failed) return ServerError(decisive.get(), what);
    return lost;
  }
  if (!failed) return decisive;
  Error error = ServerError(decisive.get(), what);
  if (InvalidatesPrepared(error.sqlstate)) Close(/*curable=*/true);
  return error;
}

Result<ResultHandle> Connection::RunSimple(const char* sql, std::string_view what, SteadyTime deadline) {
  if (broken()) return Broken(what);
  if (PQsendQuery(handle_.get(), sql) == 0) return GiveUp(Io::kLost, what);
  return ReadAnswer(what, deadline);
}

Status Connection::RunScript(const std::string& sql, std::chrono::milliseconds limit) {
  const SteadyTime deadline =
      limit.count() != 0 ? std::chrono::steady_clock::now() + limit : AnswerDeadline();
  auto result = RunSimple(sql.c_str(), "script", deadline);
  if (!broken() && in_transaction_ == ServerIdle()) {
    Close(/*curable=*/false);
    return Internal("a script opened or ended a transaction");
  }
  if (!result) return result.as_failure();
  return Ok();
}

Result<Connection::Transaction> Connection::Begin() {
  if (in_transaction_) return Internal("a transaction is already open on this connection");
  TRYV(RunSimple("BEGIN", "begin", AnswerDeadline()));
  in_transaction_ = true;
  return Transaction(*this);
}

Result<ResultHandle> Connection::EndTransaction(const char* sql) {
  in_transaction_ = false;
  return RunSimple(sql, sql, AnswerDeadline());
}

void Connection::Rollback() {
  if (broken()) {
    in_transaction_ = false;
    return;
  }
  if (!EndTransaction("ROLLBACK")) Close(/*curable=*/false);
}

Connection::Transaction::~Transaction() {
  if (connection_ != nullptr) connection_->Rollback();
}

Status Connection::Transaction::Commit() {
  if (connection_ == nullptr) return Internal("the transaction was already committed");
  Connection& connection = *std::exchange(connection_, nullptr);
  TRY(auto result, connection.EndTransaction("COMMIT"));
  // The server answers COMMIT of a failed transaction with ROLLBACK, not with an error.
  if (std::string_view(PQcmdStatus(result.get())) != "COMMIT")
    return Internal("commit of a transaction in which a statement had failed");
  return Ok();
}

Result<bool> Connection::WaitForNotification(std::chrono::milliseconds timeout) {
  if (broken()) return Broken("notification");
  const SteadyTime deadline = std::chrono::steady_clock::now() + timeout;
  for (;;) {
    bool notified = false;
    while (PGnotify* notification = PQnotifies(handle_.get())) {
      PQfreemem(notification);
      notified = true;
    }
    if (notified) return true;
    const Io io = AwaitSocket(PQsocket(handle_.get()), POLLIN, deadline);
    if (io == Io::kTimedOut) return false;
    if (io == Io::kLost || PQconsumeInput(handle_.get()) == 0) return GiveUp(Io::kLost, "notification");
  }
}

bool Connection::Quiet() const {
  return AwaitSocket(PQsocket(handle_.get()), POLLIN, SteadyTime::min()) == Io::kTimedOut;
}

bool Connection::ServerIdle() const { return PQtransactionStatus(handle_.get()) == PQTRANS_IDLE; }

void Connection::Close(bool curable) {
  curable_ = curable;
  handle_.reset();
  prepared_.Clear();
}

Error Connection::GiveUp(Io why, std::string_view what) {
  std::string cause = std::string(what) + ": ";
  if (why == Io::kTimedOut)
    cause += "no answer from the server in time";
  else
    cause += ConnectionMessage(handle_.get());
  Close(why == Io::kLost);
  return ConnectionError("08006", std::move(cause));
}

Error Connection::Broken(std::string_view what) const {
  return ConnectionError("08006", std::string(what) + ": the connection was given up");
}

SteadyTime Connection::AnswerDeadline() const {
  return std::chrono::steady_clock::now() + config_.statement_timeout + kAnswerMargin;
}

}  // namespace claviger::schema
