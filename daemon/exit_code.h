#pragma once
// How clavigerd ends. Documented in docs/man/clavigerd.8; service managers and scripts rely on the numbers.

#include <boost/outcome/basic_result.hpp>

#include "base/error.h"

namespace claviger::daemon {

enum class ExitCode : int {
  kOk = 0,
  kInternal = 1,     // our own fault; the log says more
  kUsage = 2,        // unknown command or option
  kConfig = 3,       // configuration, or a file it names, is wrong or open to others
  kHsm = 4,          // module, token, PIN or keys
  kSchema = 5,       // database schema missing, older or newer; installation record missing
  kDatabase = 6,     // database cannot be reached
  kListen = 7,       // address in use, TLS files unusable
  kProtection = 8,   // running as root, memory cannot be locked, no sandbox
  kSetBack = 9,      // the database is older than what this node has seen of it
  kIncomplete = 10,  // a rotation waits for what somebody must do first
  kUnverified = 11,  // something in the database does not open, or a key is not the one it should be
};

// Why a command will not go on. The error's detail is the one line for people; its cause goes beside it,
// since whoever starts the daemon may read its log anyway.
struct [[nodiscard]] Refusal {
  ExitCode code = ExitCode::kInternal;
  Error error;
};

template <class T>
using Outcome = boost::outcome_v2::basic_result<T, Refusal, boost::outcome_v2::policy::terminate>;

// Gives a failure of one stage that stage's exit code.
template <class T>
Outcome<T> Stage(ExitCode code, Result<T> result) {
  if (!result) return Refusal{code, std::move(result).error()};
  if constexpr (std::is_void_v<T>) {
    return boost::outcome_v2::success();
  } else {
    return std::move(result).value();
  }
}

}  // namespace claviger::daemon
