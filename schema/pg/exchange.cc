#include "schema/pg/exchange.h"

#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>

namespace claviger::schema {
namespace {

// Rounded up, so that a wait never ends before its deadline and spins.
int MillisUntil(SteadyTime deadline) {
  constexpr std::chrono::milliseconds kLongest{3'600'000};
  const SteadyTime now = std::chrono::steady_clock::now();
  if (deadline <= now) return 0;
  return static_cast<int>(
      std::min(std::chrono::ceil<std::chrono::milliseconds>(deadline - now), kLongest).count());
}

}  // namespace

void FinishConnection::operator()(pg_conn* connection) const { PQfinish(connection); }
void ClearResult::operator()(pg_result* result) const { PQclear(result); }

Io AwaitSocket(int socket, short events, SteadyTime deadline, short* occurred) {
  pollfd entry{socket, events, 0};
  for (;;) {
    const int timeout = MillisUntil(deadline);
    const int ready = ::poll(&entry, 1, timeout);
    if (ready > 0) {
      if (occurred != nullptr) *occurred = entry.revents;
      return (entry.revents & POLLNVAL) != 0 ? Io::kLost : Io::kDone;
    }
    if (ready < 0 && errno != EINTR) return Io::kLost;
    if (timeout == 0) return Io::kTimedOut;
  }
}

Io Flush(pg_conn* connection, SteadyTime deadline) {
  for (;;) {
    const int pending = PQflush(connection);
    if (pending == 0) return Io::kDone;
    if (pending < 0) return Io::kLost;
    short occurred = 0;
    const Io io = AwaitSocket(PQsocket(connection), POLLIN | POLLOUT, deadline, &occurred);
    if (io != Io::kDone) return io;
    if ((occurred & ~POLLOUT) != 0 && PQconsumeInput(connection) == 0) return Io::kLost;
  }
}

Io NextResult(pg_conn* connection, SteadyTime deadline, ResultHandle& result) {
  while (PQisBusy(connection) != 0) {
    const Io io = AwaitSocket(PQsocket(connection), POLLIN, deadline);
    if (io != Io::kDone) return io;
    if (PQconsumeInput(connection) == 0) return Io::kLost;
  }
  result.reset(PQgetResult(connection));
  return Io::kDone;
}

std::string_view ConnectionMessage(const pg_conn* connection) {
  const std::string_view message = PQerrorMessage(connection);
  return message.substr(0, message.find('\n'));
}

}  // namespace claviger::schema
