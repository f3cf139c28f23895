#include "base/error.h"

namespace claviger {

const char* Name(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kInvalid:
      return "invalid";
    case ErrorKind::kUnauthenticated:
      return "unauthenticated";
    case ErrorKind::kForbidden:
      return "forbidden";
    case ErrorKind::kNotFound:
      return "not_found";
    case ErrorKind::kMethodNotAllowed:
      return "method_not_allowed";
    case ErrorKind::kConflict:
      return "conflict";
    case ErrorKind::kGone:
      return "gone";
    case ErrorKind::kTooLarge:
      return "too_large";
    case ErrorKind::kTooMany:
      return "too_many";
    case ErrorKind::kUnavailable:
      return "unavailable";
    case ErrorKind::kIntegrity:
      return "integrity";
    case ErrorKind::kInternal:
      return "internal";
  }
  return "unknown";
}

}  // namespace claviger
