#pragma once
// The bytes of an answer: status line, headers of the server's own, the response's headers, body.

#include <string>
#include <string_view>

#include "api/http/message.h"
#include "base/clock.h"
#include "base/error.h"

namespace claviger::api::http {

struct AnswerContext {
  std::string request_id;
  std::string_view date;  // FormatHttpDate
  bool keep_alive = true;
  bool tls = false;
};

// RFC 9110 section 5.6.7: "Sun, 06 Nov 1994 08:49:37 GMT".
std::string FormatHttpDate(Time time);

// kInternal if the response breaks a rule: status outside 200..599, a header name that is no token or is the
// server's to set, or a value with CR, LF or other control bytes. A response's own Cache-Control replaces
// "no-store".
Result<std::string> WriteAnswerHead(const Response& response, const AnswerContext& context);

// 204 and 304 have no body at all.
bool StatusAllowsBody(int status);

}  // namespace claviger::api::http
