// All the bytes of one connection: how they are cut into reads must not change what requests they are.
#include <set>

#include "api/http/request_reader.h"
#include "tests/fuzz/require.h"

using namespace claviger;
using namespace claviger::api::http;
using fuzz::Require;

namespace {

using State = RequestReader::State;

// Small enough to be met.
constexpr HeadLimits kLimits{.max_head_bytes = 512, .max_headers = 6, .max_target_bytes = 64};
constexpr size_t kMaxBody = 64;
constexpr size_t kMaxPutBody = 48;

size_t MaxBody(Method method) { return method == Method::kPut ? kMaxPutBody : kMaxBody; }

struct Reading {
  std::vector<Request> requests;
  State end = State::kEmpty;
  int status = 0;  // of the refusal
};

void CheckRequest(const Request& request) {
  Require(request.body.size() <= MaxBody(request.method), "bodies are bounded");
  const auto length = request.Header("content-length");
  Require(length.value_or("0") == std::to_string(request.body.size()), "bodies are as long as they say");
  Require(request.headers.size() <= kLimits.max_headers, "headers are bounded");
}

Reading Read(std::string_view text, size_t piece) {
  const BodyLimit limit = [](Method method, const Target&) { return MaxBody(method); };
  RequestReader reader(kLimits, kMaxBody, limit);
  Reading reading;
  for (; !text.empty(); text.remove_prefix(std::min(piece, text.size()))) {
    reader.Append(text.substr(0, piece));
    while (reader.Advance() == State::kComplete) {
      reading.requests.push_back(reader.Take());
      CheckRequest(reading.requests.back());
    }
  }
  reading.end = reader.state();
  if (reading.end == State::kRefused) reading.status = reader.refusal().status;
  return reading;
}

bool Same(const Request& a, const Request& b) {
  return a.method == b.method && a.target.segments == b.target.segments && a.target.query == b.target.query &&
         a.headers == b.headers && a.body == b.body;
}

void RequireSame(const Reading& a, const Reading& b) {
  Require(a.end == b.end && a.status == b.status, "pieces end alike");
  Require(std::equal(a.requests.begin(), a.requests.end(), b.requests.begin(), b.requests.end(), Same),
          "pieces hold the same requests");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = fuzz::Text(data, size);
  const Reading at_once = Read(text, std::max<size_t>(size, 1));
  for (const size_t piece : {1, 7}) RequireSame(at_once, Read(text, piece));
  if (at_once.end != State::kRefused) return 0;
  Require(std::set<int>{400, 411, 413, 414, 417, 431, 501, 505}.contains(at_once.status),
          "refusals have a status of framing");
  return 0;
}
