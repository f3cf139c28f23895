#pragma once
// How to reach the database, and for how long to wait for it.

#include <chrono>
#include <cstdint>
#include <string>

#include "base/error.h"

namespace claviger::schema {

struct PgConfig {
  // libpq connection string. No password in it (use a passfile). Over TCP, TLS with `sslmode=verify-full`
  // unless it says otherwise. `options` in it is overridden. A host name is resolved without a time limit of
  // ours: prefer a Unix socket or `hostaddr`.
  std::string conninfo;
  uint32_t pool_size = 16;
  std::chrono::milliseconds connect_timeout{3000};
  std::chrono::milliseconds acquire_timeout{2000};
  // Kept by the server. The client waits kAnswerMargin longer, then gives the connection up.
  std::chrono::milliseconds statement_timeout{5000};
  std::chrono::milliseconds lock_timeout{2000};
  std::chrono::milliseconds idle_in_transaction_timeout{10000};
};

// How much longer than the server's own limit the client waits for an answer.
inline constexpr std::chrono::milliseconds kAnswerMargin{1000};

// kInvalid unless it is a connection string that libpq understands and that carries no password.
Status CheckConninfo(const std::string& conninfo);

}  // namespace claviger::schema
