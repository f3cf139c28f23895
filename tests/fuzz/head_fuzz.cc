// Heads of requests: whether bytes come at once or one by one must not matter.
#include <set>

#include "api/http/head.h"
#include "tests/fuzz/require.h"

using namespace claviger;
using namespace claviger::api::http;
using fuzz::Require;

namespace {

constexpr HeadLimits kLimits{};

// The size of the head or 0, when the scanner sees `text` grow by `step` bytes.
size_t ScanInSteps(std::string_view text, size_t step) {
  HeadScanner scanner(kLimits);
  for (size_t end = step;; end += step) {
    const auto result = scanner.Scan(text.substr(0, end));
    if (!std::holds_alternative<size_t>(result)) return 0;
    if (std::get<size_t>(result) != 0 || end >= text.size()) return std::get<size_t>(result);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = fuzz::Text(data, size);
  if (text.empty()) return 0;
  const size_t at_once = ScanInSteps(text, text.size());
  // Coming in pieces, a head may be complete before something behind it can offend.
  const size_t in_pieces = ScanInSteps(text, 1);
  Require(at_once == 0 || at_once == in_pieces, "the end of a head does not depend on how it arrives");
  if (in_pieces == 0) return 0;
  Require(in_pieces <= text.size() && text.substr(0, in_pieces).ends_with("\r\n\r\n"),
          "a head ends with a blank line");
  const auto parsed = ParseHead(text.substr(0, in_pieces), kLimits);
  if (const auto* refusal = std::get_if<Refusal>(&parsed)) {
    Require(refusal->status >= 400 && refusal->status < 600 && !refusal->detail.empty(), "refusals say why");
    return 0;
  }
  std::set<std::string> framing;
  for (const auto& [name, value] : std::get<Head>(parsed).headers) {
    Require(value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos,
            "values hold no line ends");
    Require(name != "transfer-encoding", "no chunked framing gets through");
    if (name == "content-length" || name == "host")
      Require(framing.insert(name).second, "framing fields occur once");
  }
  return 0;
}
