#include <doctest/doctest.h>

#include "api/http/target.h"

using namespace claviger;
using namespace claviger::api::http;

namespace {

std::vector<std::string> Segments(std::string_view raw) {
  auto target = ParseTarget(raw);
  REQUIRE(target);
  return target.value().segments;
}

void CheckRefused(std::string_view raw) {
  CAPTURE(raw);
  const auto target = ParseTarget(raw);
  REQUIRE_FALSE(target);
  CHECK(target.error().kind == ErrorKind::kInvalid);
}

}  // namespace

TEST_CASE("A path is split on slashes and decoded once") {
  CHECK(Segments("/").empty());
  CHECK(Segments("/v1/vaults") == std::vector<std::string>{"v1", "vaults"});
  CHECK(Segments("/a%20b/c%2Dd") == std::vector<std::string>{"a b", "c-d"});
  CHECK(Segments("/%252F") == std::vector<std::string>{"%2F"});
  CHECK(Segments("/gr%C3%BCn") == std::vector<std::string>{"gr\xC3\xBCn"});
  CHECK(Segments("/a;b,c=d@e:f!$&'()*+~") == std::vector<std::string>{"a;b,c=d@e:f!$&'()*+~"});
  CHECK(Segments("/...") == std::vector<std::string>{"..."});
}

TEST_CASE("An encoded slash stays inside its segment, whose parts obey the rules of segments") {
  CHECK(Segments("/s/a%2Fb%2fc") == std::vector<std::string>{"s", "a/b/c"});
  for (const char* raw :
       {"/s/%2F", "/s/a%2F", "/s/%2Fa", "/s/a%2F%2Fb", "/s/a%2F..%2Fb", "/s/..%2Fa", "/s/a%2F%2E"}) {
    CheckRefused(raw);
  }
}

TEST_CASE("Targets with two readings are refused") {
  for (const char* raw : {"", "v1", "*", "http://host/v1", "//", "//v1", "/v1//x", "/v1/", "/.", "/..",
                          "/v1/./x", "/v1/../x", "/%2e", "/%2E%2e/x", "/.%2e", "/v1/..?a=b"}) {
    CheckRefused(raw);
  }
}

TEST_CASE("Bytes that need encoding, bad escapes, control bytes and broken UTF-8 are refused") {
  for (const char* raw :
       {"/a b",       "/a\tb",    "/a\"b",    "/a<b",         "/a\\b",  "/a^b",    "/a`b", "/a{b}",
        "/a|b",       "/a[b]",    "/a#b",     "/gr\xC3\xBCn", "/%",     "/%2",     "/%zz", "/%2g",
        "/a%",        "/%00",     "/%0a",     "/%0D%0A",      "/%7f",   "/%1f",    "/%ff", "/%C0%AF",
        "/%ED%A0%80", "/a?x=%00", "/a?x=%ff", "/a?x=%",       "/a?x#y", "/a?x=y z"}) {
    CheckRefused(raw);
  }
  CheckRefused(std::string_view("/a\0b", 4));
}

TEST_CASE("A segment may be 2048 bytes long once decoded, and no longer") {
  CHECK(Segments("/" + std::string(kMaxSegmentBytes, 'a')).front().size() == kMaxSegmentBytes);
  CheckRefused("/" + std::string(kMaxSegmentBytes + 1, 'a'));
}

TEST_CASE("A query is decoded in order, with plus as a space") {
  auto target = ParseTarget("/a?limit=10&q=a+b%2Bc&empty=&bare&x[]=/?");
  REQUIRE(target);
  const decltype(Target::query) expected = {
      {"limit", "10"}, {"q", "a b+c"}, {"empty", ""}, {"bare", ""}, {"x[]", "/?"}};
  CHECK(target.value().query == expected);
  CHECK(target.value().segments == std::vector<std::string>{"a"});
  CHECK(ParseTarget("/a?").value().query.empty());
  CHECK(ParseTarget("/?a=b").value().segments.empty());
}

TEST_CASE("Duplicate, nameless and too many query parameters are refused") {
  for (const char* raw : {"/a?x=1&x=2", "/a?x=1&%78=2", "/a?=1", "/a?x=1&&y=2", "/a?x=1&", "/a?&"}) {
    CheckRefused(raw);
  }
  std::string raw = "/a?";
  for (size_t i = 0; i < kMaxQueryPairs; ++i) raw += (i == 0 ? "p" : "&p") + std::to_string(i);
  CHECK(ParseTarget(raw));
  CheckRefused(raw + "&one=more");
}
