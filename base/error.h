#pragma once
// The vocabulary of failure. Every fallible function returns Result<T>; nothing in the project throws across
// a function of its own. An Error is logged once, at the border where it is answered (api/http/problem).

#include <boost/outcome/basic_result.hpp>
#include <boost/outcome/policy/terminate.hpp>
#include <boost/outcome/success_failure.hpp>
#include <cstdint>
#include <string>
#include <utility>

namespace claviger {

// What went wrong, in the caller's terms. api/http/problem.cc alone maps a kind to an HTTP status.
enum class ErrorKind : uint8_t {
  kInvalid,           // 400: the request is malformed or breaks a rule
  kUnauthenticated,   // 401: no valid credential
  kForbidden,         // 403: known caller, not permitted
  kNotFound,          // 404: absent, or not the caller's to know of
  kMethodNotAllowed,  // 405
  kConflict,          // 409: name taken, concurrent change
  kGone,              // 410: deleted, expired or used up
  kTooLarge,          // 413
  kTooMany,           // 429: a limit is reached; Error::retry_after tells when to come again
  kUnavailable,       // 503: a part we depend on is down, or a queue is full; worth repeating later
  kIntegrity,         // 500: stored data failed authentication; never worth repeating
  kInternal,          // 500: our own fault
};

const char* Name(ErrorKind kind);

struct [[nodiscard]] Error {
  ErrorKind kind = ErrorKind::kInternal;
  // One sentence the caller may read. It never contains input values, secrets or internals.
  std::string detail;
  // For the log only: what the library said. It never contains secrets.
  std::string cause;
  // CK_RV of the HSM or 0.
  unsigned long ck_rv = 0;
  // Five characters of PostgreSQL or empty.
  std::string sqlstate;
  // Seconds, with kTooMany.
  uint32_t retry_after = 0;
};

template <class T>
using Result = boost::outcome_v2::basic_result<T, Error, boost::outcome_v2::policy::terminate>;
using Status = Result<void>;
inline auto Ok() { return boost::outcome_v2::success(); }

inline Error MakeError(ErrorKind kind, std::string detail, std::string cause = {}) {
  return Error{kind, std::move(detail), std::move(cause), 0, {}, 0};
}
inline Error Invalid(std::string detail) { return MakeError(ErrorKind::kInvalid, std::move(detail)); }
inline Error Unauthenticated(std::string cause) {
  return MakeError(ErrorKind::kUnauthenticated, "Invalid or expired token", std::move(cause));
}
inline Error Forbidden(std::string detail) { return MakeError(ErrorKind::kForbidden, std::move(detail)); }
inline Error NotFound(std::string detail) { return MakeError(ErrorKind::kNotFound, std::move(detail)); }
inline Error Conflict(std::string detail) { return MakeError(ErrorKind::kConflict, std::move(detail)); }
inline Error Gone(std::string detail) { return MakeError(ErrorKind::kGone, std::move(detail)); }
inline Error TooMany(std::string detail, uint32_t retry_after) {
  Error error = MakeError(ErrorKind::kTooMany, std::move(detail));
  error.retry_after = retry_after;
  return error;
}
inline Error Unavailable(std::string cause) {
  return MakeError(ErrorKind::kUnavailable, "The service is temporarily unavailable; try again later",
                   std::move(cause));
}
inline Error IntegrityFailure(std::string cause) {
  return MakeError(ErrorKind::kIntegrity, "Stored data failed its integrity check", std::move(cause));
}
inline Error Internal(std::string cause) {
  return MakeError(ErrorKind::kInternal, "An internal error occurred", std::move(cause));
}

}  // namespace claviger

// Unwraps a Result or returns its error: TRY(auto vault, store.Find(id)); TRYV(store.Check());
// (Boost 1.74's own macro takes a name only, later versions a declaration; this one is the same everywhere.)
#define CLAVIGER_JOIN_INNER(a, b) a##b
#define CLAVIGER_JOIN(a, b) CLAVIGER_JOIN_INNER(a, b)
#define CLAVIGER_TRY(unique, decl, ...)                           \
  auto&& unique = (__VA_ARGS__);                                  \
  if (!unique.has_value()) return std::move(unique).as_failure(); \
  decl = std::move(unique).assume_value()
#define CLAVIGER_TRYV(unique, ...) \
  auto&& unique = (__VA_ARGS__);   \
  if (!unique.has_value()) return std::move(unique).as_failure()
#define TRY(decl, ...) CLAVIGER_TRY(CLAVIGER_JOIN(try_result_, __COUNTER__), decl, __VA_ARGS__)
#define TRYV(...) CLAVIGER_TRYV(CLAVIGER_JOIN(try_result_, __COUNTER__), __VA_ARGS__)
