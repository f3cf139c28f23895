#include <doctest/doctest.h>

#include "api/http/request_reader.h"

using namespace claviger::api::http;

namespace {

using State = RequestReader::State;

const BodyLimit kThousand = [](Method, const Target&) { return size_t{1000}; };

struct Reader : RequestReader {
  explicit Reader(size_t max_body = 1 << 20) : RequestReader({}, max_body, kThousand) {}
  State Feed(std::string_view bytes) {
    Append(bytes);
    return Advance();
  }
};

const std::string kPost = "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello";

}  // namespace

TEST_CASE("Requests are framed alike however the bytes are cut") {
  const std::string two = kPost + "GET /b HTTP/1.1\r\nHost: x\r\n\r\n";
  for (size_t piece = 1; piece <= two.size(); ++piece) {
    CAPTURE(piece);
    Reader reader;
    std::vector<Request> requests;
    for (size_t at = 0; at < two.size(); at += piece) {
      reader.Feed(std::string_view(two).substr(at, piece));
      while (reader.state() == State::kComplete) {
        requests.push_back(reader.Take());
        reader.Advance();
      }
    }
    REQUIRE(requests.size() == 2);
    CHECK(requests[0].method == Method::kPost);
    CHECK(requests[0].body == "hello");
    CHECK(requests[1].target.segments == std::vector<std::string>{"b"});
    CHECK(requests[1].body.empty());
    CHECK(reader.state() == State::kEmpty);
  }
}

TEST_CASE("States follow what has arrived") {
  Reader reader;
  CHECK(reader.Advance() == State::kEmpty);
  CHECK(reader.Feed("P") == State::kHead);
  CHECK(reader.Feed(std::string_view(kPost).substr(1, kPost.size() - 4)) == State::kBody);
  CHECK(reader.Feed("llo") == State::kComplete);
}

TEST_CASE("A body above the route's limit or the server's is refused before it arrives") {
  Reader route;
  CHECK(route.Feed("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n") == State::kRefused);
  CHECK(route.refusal().status == 413);
  Reader server(10);
  CHECK(server.Feed("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n") == State::kRefused);
  CHECK(server.refusal().status == 413);
}

TEST_CASE("Nothing after a refused request is read as a request") {
  Reader reader;
  CHECK(reader.Feed("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n") == State::kRefused);
  CHECK(reader.Feed("GET /inner HTTP/1.1\r\nHost: x\r\n\r\n") == State::kRefused);
  CHECK_FALSE(reader.Full());
}

TEST_CASE("Continue is due once, and only while the client waits with its body") {
  Reader waits;
  waits.Feed("POST /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  CHECK(waits.TakeContinue());
  CHECK_FALSE(waits.TakeContinue());
  Reader sent;
  sent.Feed("POST /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\na");
  CHECK_FALSE(sent.TakeContinue());
  Reader empty;
  empty.Feed("POST /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n");
  CHECK_FALSE(empty.TakeContinue());
}

TEST_CASE("Input is no longer wanted when a head's worth waits behind the request in hand") {
  Reader reader;
  CHECK(reader.Feed(kPost) == State::kComplete);
  CHECK_FALSE(reader.Full());
  reader.Append(std::string(16 * 1024, 'x'));
  CHECK(reader.Full());
}
