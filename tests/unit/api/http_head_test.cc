#include <doctest/doctest.h>

#include "api/http/head.h"

using namespace claviger::api::http;

namespace {

std::variant<Head, Refusal> Parse(const std::string& bytes) { return ParseHead(bytes, {}); }

Head Good(const std::string& bytes) {
  CAPTURE(bytes);
  auto parsed = Parse(bytes);
  REQUIRE(std::holds_alternative<Head>(parsed));
  return std::move(std::get<Head>(parsed));
}

int StatusFor(const std::string& bytes) {
  const auto parsed = Parse(bytes);
  return std::holds_alternative<Head>(parsed) ? 0 : std::get<Refusal>(parsed).status;
}

std::string With(const std::string& fields) { return "POST /a HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n"; }

// What the scanner says when the bytes come in pieces of one size: the size of the head, or minus the status.
int ScanInPieces(const std::string& bytes, size_t piece, const HeadLimits& limits = {}) {
  HeadScanner scanner(limits);
  for (size_t end = std::min(piece, bytes.size());; end = std::min(end + piece, bytes.size())) {
    const auto found = scanner.Scan(std::string_view(bytes).substr(0, end));
    if (const auto* refusal = std::get_if<Refusal>(&found)) return -refusal->status;
    if (std::get<size_t>(found) != 0) return static_cast<int>(std::get<size_t>(found));
    if (end == bytes.size()) return 0;
  }
}

}  // namespace

TEST_CASE("A plain head is read in full") {
  const Head head = Good("GET /v1/a?b=c HTTP/1.1\r\nHost: x:1\r\nX-Two:\t a b \t\r\nX-Empty:\r\n\r\n");
  CHECK(head.method == Method::kGet);
  CHECK(head.target.segments == std::vector<std::string>{"v1", "a"});
  CHECK(head.headers == decltype(head.headers){{"host", "x:1"}, {"x-two", "a b"}, {"x-empty", ""}});
  CHECK(head.content_length == 0);
  CHECK(head.keep_alive);
  CHECK_FALSE(head.expects_continue);
}

TEST_CASE("Methods are told apart by case; unknown ones are for the router to refuse") {
  CHECK(Good("PATCH /a HTTP/1.1\r\nHost: x\r\n\r\n").method == Method::kPatch);
  CHECK(Good("TRACE /a HTTP/1.1\r\nHost: x\r\n\r\n").method == Method::kOther);
  CHECK(StatusFor("get /a HTTP/1.1\r\nHost: x\r\n\r\n") == 400);
  CHECK(StatusFor("GE-T /a HTTP/1.1\r\nHost: x\r\n\r\n") == 400);
  CHECK(StatusFor(std::string(17, 'A') + " /a HTTP/1.1\r\nHost: x\r\n\r\n") == 400);
}

TEST_CASE("Connection, version and expectation decide what follows the request") {
  CHECK_FALSE(Good(With("Connection: close\r\n")).keep_alive);
  CHECK_FALSE(Good(With("Connection: TE , Close\r\n")).keep_alive);
  CHECK_FALSE(Good(With("Connection: keep-alive\r\nConnection: close\r\n")).keep_alive);
  CHECK(Good(With("Connection: closed\r\n")).keep_alive);
  CHECK_FALSE(Good("GET /a HTTP/1.0\r\n\r\n").keep_alive);
  CHECK_FALSE(Good("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").keep_alive);
  CHECK(Good(With("Expect: 100-Continue\r\n")).expects_continue);
  CHECK_FALSE(Good("POST /a HTTP/1.0\r\nExpect: 100-continue\r\n\r\n").expects_continue);
  CHECK(StatusFor(With("Expect: tea\r\n")) == 417);
}

TEST_CASE("A length is one plain decimal number") {
  CHECK(Good(With("Content-Length: 0\r\n")).content_length == 0);
  CHECK(Good(With("Content-Length: 999999999\r\n")).content_length == 999999999);
  for (const char* bad :
       {"", "-1", "+5", "5abc", "abc", "0x5", "5,5", "5, 6", "05", "5 5", "5.0", "1e3", "٣"}) {
    CAPTURE(bad);
    CHECK(StatusFor(With(std::string("Content-Length: ") + bad + "\r\n")) == 400);
  }
  CHECK(StatusFor(With("Content-Length: 1000000000\r\n")) == 413);
  CHECK(StatusFor(With("Content-Length: 18446744073709551617\r\n")) == 413);
  CHECK(StatusFor(With("Content-Length: 5\r\nContent-Length: 5\r\n")) == 400);
  CHECK(StatusFor(With("Content-Length: 5\r\ncontent-length: 6\r\n")) == 400);
}

TEST_CASE("Transfer codings are refused in every spelling") {
  CHECK(StatusFor(With("Transfer-Encoding: chunked\r\n")) == 411);
  CHECK(StatusFor(With("Transfer-Encoding: CHUNKED\r\n")) == 411);
  CHECK(StatusFor(With("Transfer-Encoding: gzip\r\n")) == 501);
  CHECK(StatusFor(With("Transfer-Encoding: gzip, chunked\r\n")) == 501);
  CHECK(StatusFor(With("Transfer-Encoding: identity\r\n")) == 501);
  CHECK(StatusFor(With("Transfer-Encoding:\r\n")) == 501);
  CHECK(StatusFor(With("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n")) == 400);
  CHECK(StatusFor(With("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")) == 400);
  CHECK(StatusFor(With("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")) == 400);
  CHECK(StatusFor(With("Transfer-Encoding : chunked\r\n")) == 400);
  CHECK(StatusFor("POST /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n") == 400);
}

TEST_CASE("Request lines that are not exactly method, target and version are refused") {
  for (const char* line : {"GET",
                           "GET /a",
                           "GET  HTTP/1.1",
                           "GET /a  HTTP/1.1",
                           "GET  /a HTTP/1.1",
                           "GET /a HTTP/1.1 ",
                           " GET /a HTTP/1.1",
                           "GET\t/a\tHTTP/1.1",
                           "GET /a b HTTP/1.1",
                           "GET /a HTTP/1.",
                           "GET /a HTTP/11",
                           "GET /a http/1.1",
                           "GET /a HTTP/1.1x",
                           "GET /a HTTP/x.1",
                           "GET /a H",
                           "GET a HTTP/1.1",
                           "GET http://x/a HTTP/1.1",
                           "OPTIONS * HTTP/1.1",
                           "CONNECT x:443 HTTP/1.1",
                           "GET /\x80 HTTP/1.1"}) {
    CAPTURE(line);
    CHECK(StatusFor(std::string(line) + "\r\nHost: x\r\n\r\n") == 400);
  }
  CHECK(StatusFor("GET /a HTTP/2.0\r\nHost: x\r\n\r\n") == 505);
  CHECK(StatusFor("GET /a HTTP/0.9\r\nHost: x\r\n\r\n") == 505);
  CHECK(StatusFor("PRI * HTTP/2.0\r\n\r\n") == 505);
}

TEST_CASE("Header lines with two readings are refused") {
  for (const char* field : {"NoColon", ": value", "Na me: v", "Name : v", "Name\t: v", " Folded: v",
                            "Na\"me: v", "N(a): v", "N\xC3\xA4me: v",
                            "Name: a\x01"
                            "b",
                            "Name: a\x7F", "Name: \xFF"}) {
    CAPTURE(field);
    CHECK(StatusFor(With(std::string(field) + "\r\n")) == 400);
  }
  CHECK(StatusFor(With("Name: a\r\n folded\r\n")) == 400);
  CHECK(StatusFor(With(std::string("Name: a\0b\r\n", 11))) == 400);
}

TEST_CASE("Exactly one well-formed Host is needed; HTTP/1.0 may leave it out") {
  CHECK(StatusFor("GET /a HTTP/1.1\r\n\r\n") == 400);
  CHECK(StatusFor("GET /a HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n") == 400);
  CHECK(StatusFor("GET /a HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n") == 400);
  for (const char* host : {"", "a b", "a/b", "a@b", "a,b\"", "a\\b", "a?b", "a#b"}) {
    CAPTURE(host);
    CHECK(StatusFor(std::string("GET /a HTTP/1.1\r\nHost: ") + host + "\r\n\r\n") == 400);
  }
  CHECK(Good("GET /a HTTP/1.1\r\nHost: [::1]:8443\r\n\r\n").headers.size() == 1);
}

TEST_CASE("Headers that carry authority may occur only once") {
  for (const char* name : {"Authorization", "Content-Type", "Expect"}) {
    const std::string field = std::string(name) + ": 100-continue\r\n";
    CHECK(StatusFor(With(field + field)) == 400);
  }
  CHECK(StatusFor(With("X-Any: 1\r\nX-Any: 2\r\n")) == 0);
}

TEST_CASE("Limits on target and headers have their own statuses") {
  const HeadLimits limits{4096, 3, 10};
  const auto status = [&](const std::string& bytes) {
    const auto parsed = ParseHead(bytes, limits);
    return std::holds_alternative<Head>(parsed) ? 0 : std::get<Refusal>(parsed).status;
  };
  CHECK(status("GET /123456789 HTTP/1.1\r\nHost: x\r\n\r\n") == 0);
  CHECK(status("GET /1234567890 HTTP/1.1\r\nHost: x\r\n\r\n") == 414);
  CHECK(status("GET / HTTP/1.1\r\nHost: x\r\nA: 1\r\nB: 2\r\n\r\n") == 0);
  CHECK(status("GET / HTTP/1.1\r\nHost: x\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n") == 431);
}

TEST_CASE("The end of a head is found however the bytes are cut") {
  const std::string head = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
  for (size_t piece = 1; piece <= head.size(); ++piece) {
    CAPTURE(piece);
    CHECK(ScanInPieces(head + "GET /next", piece) == static_cast<int>(head.size()));
    CHECK(ScanInPieces(head.substr(0, head.size() - 1), piece) == 0);
  }
}

TEST_CASE("Bytes that no valid head begins with are refused before the head ends") {
  for (const std::string& bytes :
       {std::string("\r\n"), std::string("\n"), std::string(" GET"), std::string("get"),
        std::string("\x16\x03\x01"), std::string("GET / HTTP/1.1\n"), std::string("GET / HTTP/1.1\rH"),
        std::string("GET / HTTP/1.1\r\r\n"), std::string("GET / HTTP/1.1\r\nA: b\n"),
        std::string("GET \0", 5)}) {
    CHECK(ScanInPieces(bytes, 1) == -400);
    CHECK(ScanInPieces(bytes, bytes.size()) == -400);
  }
}

TEST_CASE("A head that does not end within its limit is refused") {
  const HeadLimits limits{64, 3, 32};
  CHECK(ScanInPieces("GET /" + std::string(100, 'a'), 7, limits) == -414);
  CHECK(ScanInPieces("GET / HTTP/1.1\r\nA: " + std::string(100, 'a'), 7, limits) == -431);
  CHECK(ScanInPieces("G / HTTP/1.1\r\nA:\r\nB:\r\nC:\r\nD:\r\n", 7, limits) == -431);
  const std::string exact = "GET / HTTP/1.1\r\nA: " + std::string(64 - 23, 'a') + "\r\n\r\n";
  CHECK(exact.size() == 64);
  CHECK(ScanInPieces(exact, 7, limits) == 64);
}
