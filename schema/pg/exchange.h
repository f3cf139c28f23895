#pragma once
// Sending and receiving on a non-blocking libpq connection, every wait under a deadline. Inside schema/pg/
// only.

#include <string_view>

#include "base/clock.h"
#include "schema/pg/handle.h"

namespace claviger::schema {

enum class Io : uint8_t { kDone, kLost, kTimedOut };

// Waits until one of `events` (poll's) holds on the socket. kLost only if the socket itself is invalid; a
// closed one counts as readable.
Io AwaitSocket(int socket, short events, SteadyTime deadline, short* occurred = nullptr);

// Sends what libpq has buffered, reading meanwhile so that neither side waits for the other for ever.
Io Flush(pg_conn* connection, SteadyTime deadline);
// The next result, or null at the end of the current command.
Io NextResult(pg_conn* connection, SteadyTime deadline, ResultHandle& result);

// The first line of libpq's message on the connection.
std::string_view ConnectionMessage(const pg_conn* connection);

}  // namespace claviger::schema
