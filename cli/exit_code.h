#pragma once
// What the shell learns. Documented in claviger(1); scripts depend on the numbers.

#include "base/error.h"

namespace claviger::cli {

enum ExitCode : int {
  kExitOk = 0,
  kExitFailed = 1,       // refused or failed, for a reason without a number of its own
  kExitUsage = 2,        // the command line makes no sense
  kExitNotLoggedIn = 3,  // no session, an expired one, or wrong credentials
  kExitNotFound = 4,     // absent, or gone: deleted, expired, used up
  kExitDenied = 5,
  kExitUnreachable = 6,   // no connection, no trust in it, or the server asks to come back later
  kExitUnverified = 7,    // an audit export or key that does not hold
  kExitCannotRun = 126,   // `run`: the program exists but cannot be executed
  kExitNoSuchFile = 127,  // `run`: there is no such program
  kExitSignalBase = 128,  // `run`: the program died of signal n: 128 + n
};

ExitCode ExitCodeOf(ErrorKind kind);

}  // namespace claviger::cli
