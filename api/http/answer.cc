#include "api/http/answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "api/http/problem.h"

namespace claviger::api::http {
namespace {

bool EqualIgnoringCase(std::string_view a, std::string_view lower) {
  const auto same = [](char x, char y) { return (x >= 'A' && x <= 'Z' ? x - 'A' + 'a' : x) == y; };
  return a.size() == lower.size() && std::equal(a.begin(), a.end(), lower.begin(), same);
}

bool IsToken(std::string_view name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  };
  return !name.empty() && std::all_of(name.begin(), name.end(), allowed);
}

bool IsPlain(std::string_view value) {
  return std::all_of(value.begin(), value.end(), [](char c) {
    return (static_cast<unsigned char>(c) >= 0x20 && c != 0x7F) || c == '\t';
  });
}

bool IsOurs(std::string_view name) {
  constexpr std::array kOurs = {"content-length",
                                "content-type",
                                "transfer-encoding",
                                "connection",
                                "date",
                                "x-request-id",
                                "keep-alive",
                                "x-content-type-options",
                                "strict-transport-security"};
  return std::any_of(kOurs.begin(), kOurs.end(),
                     [&](const char* ours) { return EqualIgnoringCase(name, ours); });
}

Status Check(const Response& response) {
  if (response.status < 200 || response.status > 599) return Internal("response status out of range");
  if (!IsPlain(response.content_type)) return Internal("response content type has control bytes");
  for (const auto& [name, value] : response.headers) {
    if (!IsToken(name) || IsOurs(name)) return Internal("response header name is not allowed");
    if (!IsPlain(value)) return Internal("response header value has control bytes");
  }
  return Ok();
}

}  // namespace

std::string FormatHttpDate(Time time) {
  constexpr std::array kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto days = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{days};
  const std::chrono::hh_mm_ss clock{std::chrono::floor<std::chrono::seconds>(time - days)};
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
                     kDays[std::chrono::weekday{days}.c_encoding()], static_cast<unsigned>(date.day()),
                     kMonths[static_cast<unsigned>(date.month()) - 1], static_cast<int>(date.year()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

bool StatusAllowsBody(int status) { return status != 204 && status != 304; }

Result<std::string> WriteAnswerHead(const Response& response, const AnswerContext& context) {
  TRYV(Check(response));
  std::string head;
  head.reserve(512);
  const auto add = std::back_inserter(head);
  fmt::format_to(add, "HTTP/1.1 {} {}\r\nDate: {}\r\nX-Request-Id: {}\r\n", response.status,
                 ReasonPhrase(response.status), context.date, context.request_id);
  if (StatusAllowsBody(response.status)) {
    if (!response.content_type.empty()) fmt::format_to(add, "Content-Type: {}\r\n", response.content_type);
    fmt::format_to(add, "Content-Length: {}\r\n", response.body.size());
  }
  bool caches = false;
  for (const auto& [name, value] : response.headers) {
    caches = caches || EqualIgnoringCase(name, "cache-control");
    fmt::format_to(add, "{}: {}\r\n", name, value);
  }
  if (!caches) head += "Cache-Control: no-store\r\n";
  head += "X-Content-Type-Options: nosniff\r\n";
  if (context.tls) head += "Strict-Transport-Security: max-age=31536000\r\n";
  head += context.keep_alive ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n";
  return head;
}

}  // namespace claviger::api::http
