#include "api/failure_log.h"

#include <utility>

namespace claviger::api {
namespace {

constexpr std::chrono::minutes kBetweenLines{1};

}  // namespace

void LogConsequence(const Log& log, std::string_view message, const Error& error,
                    std::initializer_list<LogField> fields) {
  error.kind == ErrorKind::kUnavailable ? log.Warn(message, error, fields)
                                        : log.Failure(message, error, fields);
}

void FailureLog::Note(const Route& route, const http::Request& request, const Error& error, int status) {
  uint64_t left_out = 0;
  if (error.kind == ErrorKind::kUnavailable) {
    const std::lock_guard lock(mutex_);
    if (told_at_ && request.received_at - *told_at_ < kBetweenLines) {
      ++left_out_;
      return;
    }
    told_at_ = request.received_at;
    left_out = std::exchange(left_out_, 0);
  }
  LogConsequence(log_, "request failed", error,
                 {{"request_id", FormatUuid(request.id)},
                  {"operation", route.operation_id},
                  {"route", route.pattern},
                  {"status", std::to_string(status)},
                  {"left_out", std::to_string(left_out)}});
}

}  // namespace claviger::api
