#pragma once
// The lines about requests that fail through no fault of the client. What is wrong with us or our data has
// one line each. What is away has a line of its own where that is noticed; of the requests that meet it, one
// a minute is told, and how many were left out before it.

#include <mutex>

#include "api/http/message.h"
#include "api/routes.h"
#include "base/log.h"

namespace claviger::api {

// What failed because something is away is told at `warn`, for that has a line at `error` of its own;
// anything else at `error`.
void LogConsequence(const Log& log, std::string_view message, const Error& error,
                    std::initializer_list<LogField> fields = {});

class FailureLog {
 public:
  explicit FailureLog(const Log& log) : log_(log) {}

  void Note(const Route& route, const http::Request& request, const Error& error, int status);

 private:
  const Log& log_;
  std::mutex mutex_;  // guards everything below
  std::optional<SteadyTime> told_at_;
  uint64_t left_out_ = 0;
};

}  // namespace claviger::api
