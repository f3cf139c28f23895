#pragma once
// What the tests of this folder share: one server for all of them, and a fresh connection for each.

#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "schema/pg/pg.h"
#include "tests/schema/private_cluster.h"

namespace claviger::testing {

// Started at first use.
inline PrivateCluster& Server() {
  static PrivateCluster server;
  return server;
}

inline const Log& QuietLog() {
  static const Log log(LogLevel::kError);
  return log;
}

// The value, or the end of the test case with the error's text.
template <class T>
T Must(Result<T> result) {
  if (!result.has_value()) FAIL(result.error().cause << " / " << result.error().detail);
  if constexpr (!std::is_void_v<T>) return std::move(result).assume_value();
}

inline std::unique_ptr<schema::Connection> Connect(const std::string& role = "postgres",
                                                   const std::string& database = "claviger") {
  return Must(schema::Connection::Open(Server().Config(role, database), QuietLog()));
}

// For statements that run until the server dies, or that move megabytes, which on a busy machine takes its
// time, above all under sanitizers.
inline std::unique_ptr<schema::Connection> ConnectPatiently() {
  auto config = Server().Config("postgres", "claviger");
  config.statement_timeout = std::chrono::minutes(1);
  return Must(schema::Connection::Open(config, QuietLog()));
}

// Statements of one test each. They share a name on purpose: what is prepared is known by its text.
inline schema::Statement Sql(const char* sql) { return {"test", sql, false}; }
inline schema::Statement RepeatableSql(const char* sql) { return {"test", sql, true}; }

}  // namespace claviger::testing
