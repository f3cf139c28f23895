#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "api/http/answer.h"
#include "api/http/problem.h"

using namespace claviger;
using namespace claviger::api::http;

namespace {

const AnswerContext kContext{"the-id", "Sun, 06 Nov 1994 08:49:37 GMT", true, false};

std::string HeadOf(const Response& response, const AnswerContext& context = kContext) {
  auto head = WriteAnswerHead(response, context);
  REQUIRE(head);
  return std::move(head).value();
}

bool Has(const std::string& head, const std::string& line) {
  return head.find("\r\n" + line + "\r\n") != std::string::npos;
}

}  // namespace

TEST_CASE("An answer's head says what it carries and that nobody may keep it") {
  const std::string head = HeadOf(Response::Json(200, "{}"));
  CHECK(head.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(head.ends_with("\r\n\r\n"));
  CHECK(Has(head, "Content-Type: application/json"));
  CHECK(Has(head, "Content-Length: 2"));
  CHECK(Has(head, "Date: Sun, 06 Nov 1994 08:49:37 GMT"));
  CHECK(Has(head, "X-Request-Id: the-id"));
  CHECK(Has(head, "Cache-Control: no-store"));
  CHECK(Has(head, "X-Content-Type-Options: nosniff"));
  CHECK(head.find("Strict-Transport-Security") == std::string::npos);
  AnswerContext tls = kContext;
  tls.tls = true;
  tls.keep_alive = false;
  CHECK(Has(HeadOf(Response::Json(200, "{}"), tls), "Strict-Transport-Security: max-age=31536000"));
  CHECK(HeadOf(Response::Json(200, "{}"), tls).find("Connection: close") != std::string::npos);
}

TEST_CASE("No Content has neither length nor type") {
  const std::string head = HeadOf(Response::NoContent());
  CHECK(head.starts_with("HTTP/1.1 204 No Content\r\n"));
  CHECK(head.find("Content-Length") == std::string::npos);
  CHECK(head.find("\nContent-Type") == std::string::npos);
}

TEST_CASE("A response may choose how long it is kept") {
  Response response = Response::Json(200, "{}");
  response.headers.emplace_back("CACHE-control", "max-age=60");
  const std::string head = HeadOf(response);
  CHECK(Has(head, "CACHE-control: max-age=60"));
  CHECK(head.find("no-store") == std::string::npos);
}

TEST_CASE("Headers that would break or forge the framing are refused") {
  const std::pair<const char*, const char*> bad[] = {{"X-A", "a\r\nb"},
                                                     {"X-A", "a\nb"},
                                                     {"X-A", "a\rb"},
                                                     {"X-A", "a\x01"},
                                                     {"X A", "b"},
                                                     {"", "b"},
                                                     {"X-A:", "b"},
                                                     {"Content-Length", "3"},
                                                     {"date", "x"},
                                                     {"Connection", "close"},
                                                     {"X-A\r\nB", "c"},
                                                     {"Content-type", "text/html"},
                                                     {"Transfer-Encoding", "chunked"}};
  for (const auto& [name, value] : bad) {
    CAPTURE(name);
    Response response = Response::Json(200, "{}");
    response.headers.emplace_back(name, value);
    CHECK_FALSE(WriteAnswerHead(response, kContext));
  }
  Response type = Response::Json(200, "{}");
  type.content_type = "a\r\nb";
  CHECK_FALSE(WriteAnswerHead(type, kContext));
  for (const int status : {0, 100, 101, 199, 600})
    CHECK_FALSE(WriteAnswerHead({status, "", "", {}}, kContext));
}

TEST_CASE("HTTP dates have the fixed form of RFC 9110") {
  CHECK(FormatHttpDate(*ParseTime("1994-11-06T08:49:37Z")) == "Sun, 06 Nov 1994 08:49:37 GMT");
  CHECK(FormatHttpDate(*ParseTime("2026-02-27T00:00:00.999999Z")) == "Fri, 27 Feb 2026 00:00:00 GMT");
}

TEST_CASE("A problem body tells kind and sentence, and never the private cause") {
  const Response response = Problem(Internal("private cause"));
  CHECK(response.status == 500);
  CHECK(response.content_type == "application/problem+json");
  CHECK(response.body.find("private") == std::string::npos);
  const auto body = nlohmann::json::parse(response.body);
  CHECK(body == nlohmann::json{{"type", "about:blank"},
                               {"title", "Internal Server Error"},
                               {"status", 500},
                               {"detail", "An internal error occurred"}});
}

TEST_CASE("Every kind of error has its status; some tell the client what to do next") {
  const std::pair<ErrorKind, int> expected[] = {
      {ErrorKind::kInvalid, 400},  {ErrorKind::kUnauthenticated, 401},  {ErrorKind::kForbidden, 403},
      {ErrorKind::kNotFound, 404}, {ErrorKind::kMethodNotAllowed, 405}, {ErrorKind::kConflict, 409},
      {ErrorKind::kGone, 410},     {ErrorKind::kTooLarge, 413},         {ErrorKind::kUnavailable, 503},
      {ErrorKind::kInternal, 500}, {ErrorKind::kIntegrity, 500},        {ErrorKind::kTooMany, 429}};
  for (const auto& [kind, status] : expected) CHECK(StatusOf(kind) == status);
  CHECK(Problem(Unauthenticated("")).headers.front().first == "WWW-Authenticate");
  CHECK(Problem(Unavailable("")).headers.front() == std::pair<std::string, std::string>{"Retry-After", "1"});
  CHECK(Problem(TooMany("Later", 77)).headers.front() ==
        std::pair<std::string, std::string>{"Retry-After", "77"});
}
