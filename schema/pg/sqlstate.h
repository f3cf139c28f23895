#pragma once
// What the server's SQLSTATEs mean to us. Inside schema/pg/ only.

#include <string_view>

#include "base/error.h"

struct pg_result;

namespace claviger::schema {

// kUnavailable: 08 (connection), 25006 and 25P03 (read only, idle too long), 40 (serialisation, deadlock), 53
// (disk, memory or connections used up), 55P03 (lock timeout), 57014 and 57P0x (cancelled by a timeout,
// shutting down), 58030 (I/O). kConflict: 23505 and 23503. kInternal: the rest.
ErrorKind KindOfSqlstate(std::string_view sqlstate);

// The error of a failed result. The cause names statement, SQLSTATE, table, column and constraint, and the
// server's sentence only in classes where that cannot hold values.
Error ServerError(const pg_result* result, std::string_view statement);

// A connection that cannot be opened (08001) or was given up (08006).
Error ConnectionError(std::string_view sqlstate, std::string cause);

// The server no longer has the statement as we prepared it (dropped, or its tables changed): only a fresh
// connection helps.
bool InvalidatesPrepared(std::string_view sqlstate);

}  // namespace claviger::schema
