#include "api/failure_log.h"

#include <doctest/doctest.h>

#include "tests/captured_stderr.h"

using namespace claviger;
using namespace claviger::api;
using namespace std::chrono_literals;

namespace {

struct Requests {
  Requests() {
    route.pattern = "/v1/x";
    route.operation_id = "x";
  }
  const testing::CapturedStderr log_text;
  const Log log{LogLevel::kWarn};
  FailureLog failures{log};
  Route route;
  http::Request request;

  void Fail(const Error& error, std::chrono::seconds at) {
    request.received_at = SteadyTime(at);
    failures.Note(route, request, error, error.kind == ErrorKind::kUnavailable ? 503 : 500);
  }
  int Lines(const std::string& with) const { return log_text.Count(with); }
};

}  // namespace

TEST_CASE_FIXTURE(Requests,
                  "of requests that meet what is away one a minute is told, with how many were not") {
  for (int n = 0; n < 10; ++n) Fail(Unavailable("gone"), 1000s);
  Fail(Unavailable("gone"), 1059s);
  CHECK(Lines("request failed") == 1);
  CHECK(Lines(R"("left_out":"0")") == 1);
  Fail(Unavailable("gone"), 1060s);
  CHECK(Lines("request failed") == 2);
  CHECK(Lines(R"("left_out":"10")") == 1);
  Fail(Unavailable("gone"), 1061s);
  Fail(Unavailable("gone"), 1120s);
  CHECK(Lines(R"("left_out":"1")") == 1);
  CHECK(Lines(R"("level":"warn")") == 3);
}

TEST_CASE_FIXTURE(Requests, "what is wrong with us or our data is told each time, also in an outage") {
  Fail(Unavailable("gone"), 1000s);
  for (int n = 0; n < 3; ++n) {
    Fail(MakeError(ErrorKind::kIntegrity, "no"), 1000s);
    Fail(Internal("bug"), 1000s);
  }
  CHECK(Lines("request failed") == 7);
  CHECK(Lines(R"("level":"error")") == 6);
  CHECK(Lines(R"("cause":"bug")") == 3);
}
