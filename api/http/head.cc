#include "api/http/head.h"

#include <algorithm>
#include <array>

#include "api/http/target.h"
#include "base/bytes.h"

namespace claviger::api::http {
namespace {

constexpr size_t kMaxMethodBytes = 16;
constexpr size_t kMaxLengthDigits = 9;

bool IsTokenChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsBlank(char c) { return c == ' ' || c == '\t'; }

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
std::string Lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) { return Lower(c); });
  return out;
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && IsBlank(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsBlank(text.back())) text.remove_suffix(1);
  return text;
}

Method MethodOf(std::string_view name) {
  for (const Method method : {Method::kGet, Method::kHead, Method::kPost, Method::kPut, Method::kPatch,
                              Method::kDelete, Method::kOptions}) {
    if (name == Name(method)) return method;
  }
  return Method::kOther;
}

using Check = std::optional<Refusal>;  // empty: good
Check Bad(const char* detail) { return Refusal{400, detail}; }

// Headers that change how a request is framed, routed or judged: a second one is never harmless.
bool MustBeSingle(std::string_view name) {
  constexpr std::array kSingle = {
      "host", "content-length", "transfer-encoding", "content-type", "expect", "authorization", "upgrade"};
  return std::find(kSingle.begin(), kSingle.end(), name) != kSingle.end();
}

struct Line {
  std::string_view method, target, version;
};

// Exactly two single spaces (RFC 9112 section 3).
std::optional<Line> SplitRequestLine(std::string_view line) {
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return std::nullopt;
  return Line{line.substr(0, first), line.substr(first + 1, last - first - 1), line.substr(last + 1)};
}

Check CheckVersion(std::string_view version) {
  if (version == "HTTP/1.1" || version == "HTTP/1.0") return std::nullopt;
  const bool shaped = version.size() == 8 && version.substr(0, 5) == "HTTP/" && IsDigit(version[5]) &&
                      version[6] == '.' && IsDigit(version[7]);
  if (!shaped) return Bad("The request line has no valid HTTP version");
  return Refusal{505, "Only HTTP/1.1 and HTTP/1.0 are supported"};
}

Check ParseRequestLine(std::string_view text, const HeadLimits& limits, Head& head, bool& http_1_0) {
  const auto line = SplitRequestLine(text);
  if (!line) return Bad("The request line is malformed");
  const auto upper = [](char c) { return c >= 'A' && c <= 'Z'; };
  if (line->method.empty() || line->method.size() > kMaxMethodBytes ||
      !std::all_of(line->method.begin(), line->method.end(), upper)) {
    return Bad("The request method is malformed");
  }
  if (line->target.size() > limits.max_target_bytes) return Refusal{414, "The request target is too long"};
  if (const Check check = CheckVersion(line->version)) return check;
  const auto visible = [](char c) { return c > 0x20 && c < 0x7F; };
  if (!std::all_of(line->target.begin(), line->target.end(), visible)) {
    return Bad("The request target has a character that must be percent-encoded");
  }
  auto target = ParseTarget(line->target);
  if (!target) return Refusal{400, target.error().detail};
  head.method = MethodOf(line->method);
  head.target = std::move(target).value();
  http_1_0 = line->version == "HTTP/1.0";
  return std::nullopt;
}

Check ParseField(std::string_view line, Head& head) {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0) return Bad("A header line is malformed");
  const std::string_view name = line.substr(0, colon);
  // Also refuses blanks before the colon and folded lines, which begin with a blank.
  if (!std::all_of(name.begin(), name.end(), IsTokenChar)) return Bad("A header name is malformed");
  const std::string_view value = Trim(line.substr(colon + 1));
  const auto plain = [](char c) { return (static_cast<unsigned char>(c) >= 0x20 && c != 0x7F) || c == '\t'; };
  if (!std::all_of(value.begin(), value.end(), plain) || !IsUtf8(value)) {
    return Bad("A header value has a forbidden character");
  }
  std::string key = Lower(name);
  if (MustBeSingle(key)) {
    const auto same = [&](const auto& header) { return header.first == key; };
    if (std::any_of(head.headers.begin(), head.headers.end(), same)) {
      return Bad("A header that may occur only once occurs twice");
    }
  }
  head.headers.emplace_back(std::move(key), std::string(value));
  return std::nullopt;
}

Check CheckHost(std::string_view host) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || IsDigit(c) ||
           std::string_view("-._~!$&'()*+,;=:[]%").find(c) != std::string_view::npos;
  };
  if (host.empty() || host.size() > 262 || !std::all_of(host.begin(), host.end(), allowed)) {
    return Bad("The Host header is malformed");
  }
  return std::nullopt;
}

Check ApplyLength(std::string_view value, Head& head) {
  if (value.empty() || !std::all_of(value.begin(), value.end(), IsDigit)) {
    return Bad("The Content-Length header is malformed");
  }
  if (value.size() > 1 && value.front() == '0') return Bad("The Content-Length header is malformed");
  if (value.size() > kMaxLengthDigits) return Refusal{413, "The request body is too large"};
  for (const char c : value) head.content_length = head.content_length * 10 + static_cast<uint64_t>(c - '0');
  return std::nullopt;
}

void ApplyConnection(std::string_view value, Head& head) {
  while (!value.empty()) {
    const size_t comma = value.find(',');
    if (Lower(Trim(value.substr(0, comma))) == "close") head.keep_alive = false;
    value = comma == std::string_view::npos ? std::string_view() : value.substr(comma + 1);
  }
}

Check ApplyFraming(Head& head, bool http_1_0) {
  bool host = false, length = false;
  const std::string* coding = nullptr;
  head.keep_alive = !http_1_0;
  for (const auto& [name, value] : head.headers) {
    Check check;
    if (name == "host") {
      host = true;
      check = CheckHost(value);
    } else if (name == "content-length") {
      length = true;
      check = ApplyLength(value, head);
    } else if (name == "transfer-encoding") {
      coding = &value;
    } else if (name == "connection") {
      ApplyConnection(value, head);
    } else if (name == "expect") {
      if (Lower(value) != "100-continue") check = Refusal{417, "The expectation is not supported"};
      head.expects_continue = !http_1_0;
    }
    if (check) return check;
  }
  if (!host && !http_1_0) return Bad("The Host header is missing");
  if (coding == nullptr) return std::nullopt;
  if (length || http_1_0) return Bad("Transfer-Encoding is not allowed here");
  if (Lower(*coding) == "chunked") return Refusal{411, "The request body needs a Content-Length"};
  return Refusal{501, "The transfer coding is not supported"};
}

std::string_view TakeLine(std::string_view& bytes) {
  const size_t end = bytes.find("\r\n");
  const std::string_view line = bytes.substr(0, end);
  bytes.remove_prefix(end == std::string_view::npos ? bytes.size() : end + 2);
  return line;
}

}  // namespace

std::variant<size_t, Refusal> HeadScanner::Scan(std::string_view buffer) {
  // No request begins otherwise: a TLS hello on a plain port is refused with its first byte.
  if (!buffer.empty() && (buffer[0] < 'A' || buffer[0] > 'Z')) {
    return Refusal{400, "The request line is malformed"};
  }
  const size_t end = std::min(buffer.size(), limits_.max_head_bytes);
  for (; scanned_ < end; ++scanned_) {
    const char c = buffer[scanned_];
    const bool after_return = scanned_ > 0 && buffer[scanned_ - 1] == '\r';
    if (after_return != (c == '\n')) return Refusal{400, "A line does not end in CR LF"};
    if (c == '\0') return Refusal{400, "The request head has a NUL byte"};
    if (c != '\n') continue;
    if (scanned_ - line_start_ == 1) {
      const size_t size = ++scanned_;
      Reset();
      return size;
    }
    line_start_ = scanned_ + 1;
    if (++lines_ > limits_.max_headers + 1) return Refusal{431, "The request has too many headers"};
  }
  if (buffer.size() >= limits_.max_head_bytes) return TooLong();
  return size_t{0};
}

Refusal HeadScanner::TooLong() const {
  if (lines_ == 0) return {414, "The request target is too long"};
  return {431, "The request head is too large"};
}

std::variant<Head, Refusal> ParseHead(std::string_view bytes, const HeadLimits& limits) {
  Head head;
  bool http_1_0 = false;
  if (const Check check = ParseRequestLine(TakeLine(bytes), limits, head, http_1_0)) return *check;
  for (std::string_view line = TakeLine(bytes); !line.empty(); line = TakeLine(bytes)) {
    if (head.headers.size() == limits.max_headers) return Refusal{431, "The request has too many headers"};
    if (const Check check = ParseField(line, head)) return *check;
  }
  if (const Check check = ApplyFraming(head, http_1_0)) return *check;
  return head;
}

}  // namespace claviger::api::http
