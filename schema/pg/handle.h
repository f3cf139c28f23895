#pragma once
// Owners of libpq's two handles. Inside schema/pg/ only.

#include <memory>

struct pg_conn;
struct pg_result;

namespace claviger::schema {

struct FinishConnection {
  void operator()(pg_conn* connection) const;
};
using ConnectionHandle = std::unique_ptr<pg_conn, FinishConnection>;

struct ClearResult {
  void operator()(pg_result* result) const;
};
using ResultHandle = std::unique_ptr<pg_result, ClearResult>;

}  // namespace claviger::schema
