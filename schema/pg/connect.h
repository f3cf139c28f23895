#pragma once
// Opening a libpq connection within its time limit, with the session settings all of the program relies on.
// Inside schema/pg/ only.

#include "base/error.h"
#include "base/log.h"
#include "schema/pg/config.h"
#include "schema/pg/handle.h"

namespace claviger::schema {

// Non-blocking, UTF-8, UTC, read committed, synchronous commit, time limits of `config`. kUnavailable if the
// server cannot be reached, refuses us, or does not answer in time; kInvalid for a faulty connection string.
Result<ConnectionHandle> Connect(const PgConfig& config, const Log& log);

}  // namespace claviger::schema
