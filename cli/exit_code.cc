#include "cli/exit_code.h"

namespace claviger::cli {

ExitCode ExitCodeOf(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kUnauthenticated:
      return kExitNotLoggedIn;
    case ErrorKind::kForbidden:
      return kExitDenied;
    case ErrorKind::kNotFound:
    case ErrorKind::kGone:
      return kExitNotFound;
    case ErrorKind::kTooMany:
    case ErrorKind::kUnavailable:
      return kExitUnreachable;
    case ErrorKind::kIntegrity:
      return kExitUnverified;
    case ErrorKind::kInvalid:
    case ErrorKind::kMethodNotAllowed:
    case ErrorKind::kConflict:
    case ErrorKind::kTooLarge:
    case ErrorKind::kInternal:
      break;
  }
  return kExitFailed;
}

}  // namespace claviger::cli
