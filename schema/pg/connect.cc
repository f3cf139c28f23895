#include "schema/pg/connect.h"

#include <fmt/format.h>
#include <libpq-fe.h>
#include <poll.h>

#include <array>
#include <string_view>

#include "schema/pg/exchange.h"
#include "schema/pg/sqlstate.h"

namespace claviger::schema {
namespace {

// Sent in the startup message, hence in force before the first statement and above any setting of the role.
// pg_temp comes last and pg_catalog is implied first, so that no temporary object can stand in for a table.
// Over TCP the server asks after a silent client and ends the session, with its locks and its place, if it
// hears nothing for 30 s; by itself it would wait for two hours.
std::string SessionOptions(const PgConfig& config) {
  return fmt::format(
      "-c statement_timeout={} -c lock_timeout={} -c idle_in_transaction_session_timeout={} -c TimeZone=UTC "
      "-c search_path=public,pg_temp -c default_transaction_isolation=read\\ committed -c "
      "synchronous_commit=on -c tcp_keepalives_idle=15 -c tcp_keepalives_interval=5 -c "
      "tcp_keepalives_count=3 -c tcp_user_timeout=30s",
      config.statement_timeout.count(), config.lock_timeout.count(),
      config.idle_in_transaction_timeout.count());
}

// Later keywords win: what stands before `dbname` is a default that the connection string may change.
ConnectionHandle Start(const PgConfig& config) {
  const std::string options = SessionOptions(config);
  struct Keyword {
    const char* name;
    const char* value;
  };
  const std::array keywords = {
      Keyword{"fallback_application_name", "claviger"},
      Keyword{"sslmode", "verify-full"},
      Keyword{"gssencmode", "disable"},
      Keyword{"keepalives_idle", "30"},
      Keyword{"keepalives_interval", "10"},
      Keyword{"keepalives_count", "3"},
      Keyword{"dbname", config.conninfo.c_str()},
      Keyword{"keepalives", "1"},
      Keyword{"client_encoding", "UTF8"},
      Keyword{"options", options.c_str()},
  };
  std::array<const char*, keywords.size() + 1> names{};
  std::array<const char*, keywords.size() + 1> values{};
  for (size_t i = 0; i < keywords.size(); ++i) {
    names[i] = keywords[i].name;
    values[i] = keywords[i].value;
  }
  return ConnectionHandle(PQconnectStartParams(names.data(), values.data(), /*expand_dbname=*/1));
}

void LogNotice(void* log, const PGresult* notice) {
  const char* message = PQresultErrorField(notice, PG_DIAG_MESSAGE_PRIMARY);
  const char* sqlstate = PQresultErrorField(notice, PG_DIAG_SQLSTATE);
  static_cast<const Log*>(log)->Debug(
      "postgresql notice",
      {{"text", message != nullptr ? message : ""}, {"sqlstate", sqlstate != nullptr ? sqlstate : ""}});
}

Error CannotConnect(const pg_conn* connection) {
  return ConnectionError("08001", std::string(ConnectionMessage(connection)));
}

}  // namespace

Status CheckConninfo(const std::string& conninfo) {
  char* message = nullptr;
  PQconninfoOption* options = PQconninfoParse(conninfo.c_str(), &message);
  // libpq's message may quote the string, and with it a password: dropped.
  PQfreemem(message);
  if (options == nullptr) return Invalid("The PostgreSQL connection string is malformed");
  bool password = false;
  for (const PQconninfoOption* option = options; option->keyword != nullptr; ++option)
    password =
        password || (std::string_view(option->keyword).ends_with("password") && option->val != nullptr);
  PQconninfoFree(options);
  if (password)
    return Invalid("The PostgreSQL connection string must not hold a password; use a passfile instead");
  return Ok();
}

Result<ConnectionHandle> Connect(const PgConfig& config, const Log& log) {
  TRYV(CheckConninfo(config.conninfo));
  const SteadyTime deadline = std::chrono::steady_clock::now() + config.connect_timeout;
  ConnectionHandle connection = Start(config);
  if (!connection) return ConnectionError("08001", "out of memory");
  if (PQstatus(connection.get()) == CONNECTION_BAD) return CannotConnect(connection.get());
  PQsetNoticeReceiver(connection.get(), LogNotice, const_cast<Log*>(&log));

  // PQconnectPoll may change the socket (next host), so it is asked for at each turn.
  PostgresPollingStatusType state = PGRES_POLLING_WRITING;
  while (state != PGRES_POLLING_OK) {
    const short events = state == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    if (AwaitSocket(PQsocket(connection.get()), events, deadline) != Io::kDone)
      return ConnectionError(
          "08001", "no connection within " + std::to_string(config.connect_timeout.count()) + " ms");
    state = PQconnectPoll(connection.get());
    if (state == PGRES_POLLING_FAILED) return CannotConnect(connection.get());
  }
  if (PQsetnonblocking(connection.get(), 1) != 0) return CannotConnect(connection.get());
  return connection;
}

}  // namespace claviger::schema
