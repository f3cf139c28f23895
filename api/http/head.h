#pragma once
// The head of a request: request line and header fields (RFC 9112, read strictly). One spelling per meaning:
// whatever two parsers could read in two ways is refused, so that no front and no client can disagree with
// us about where a request ends.

#include <string_view>
#include <utility>
#include <variant>

#include "api/http/message.h"

namespace claviger::api::http {

struct HeadLimits {
  size_t max_head_bytes = 16 * 1024;
  size_t max_headers = 100;
  size_t max_target_bytes = 4 * 1024;
};

// A request that cannot be framed. The connection ends after it is answered.
struct Refusal {
  int status = 400;
  std::string detail;
};

struct Head {
  Method method = Method::kGet;
  Target target;
  std::vector<std::pair<std::string, std::string>> headers;  // names lower-case, values trimmed
  uint64_t content_length = 0;
  bool keep_alive = true;         // false with HTTP/1.0 and with Connection: close
  bool expects_continue = false;  // never with HTTP/1.0
};

// Finds the end of a head in bytes that come piece by piece; every byte is looked at once.
class HeadScanner {
 public:
  explicit HeadScanner(const HeadLimits& limits) : limits_(limits) {}
  // `buffer` holds all bytes since the head began and only grows between calls. Gives the size of the head
  // with its blank line, 0 if more is needed, or a refusal as soon as no continuation could be valid.
  std::variant<size_t, Refusal> Scan(std::string_view buffer);
  void Reset() { scanned_ = line_start_ = lines_ = 0; }

 private:
  Refusal TooLong() const;
  HeadLimits limits_;
  size_t scanned_ = 0;
  size_t line_start_ = 0;
  size_t lines_ = 0;
};

// Parses a whole head, blank line included. Refusals: 400 malformed; 411 chunked (bodies need a
// Content-Length: chunked framing is the classic way to smuggle, and no client of ours needs it);
// 413 length beyond nine digits; 414; 417; 431; 501 other transfer codings; 505.
std::variant<Head, Refusal> ParseHead(std::string_view bytes, const HeadLimits& limits);

}  // namespace claviger::api::http
