#include "api/json/json.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

using namespace claviger;
using namespace claviger::api;

namespace {

bool Accepts(std::string_view text) { return ParseJson(text).has_value(); }

std::string Nested(size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

std::string ArrayOf(size_t elements) {
  std::string text = "[0";
  for (size_t i = 1; i < elements; ++i) text += ",0";
  return text + "]";
}

std::string ObjectOf(size_t members) {
  std::string text = "{\"m0\":0";
  for (size_t i = 1; i < members; ++i) text += ",\"m" + std::to_string(i) + "\":0";
  return text + "}";
}

}  // namespace

TEST_CASE("what is parsed is dumped as the same text") {
  for (const std::string_view text :
       {R"({"a":[1,-2,0.5,"x",true,false,null,{}],"b":{"c":[]}})", R"("\u0000\n\"\\")",
        "18446744073709551615", "-9223372036854775808", "\"\xF0\x9F\x94\x91\"", "[]", "null"}) {
    const auto json = ParseJson(text);
    REQUIRE_MESSAGE(json.has_value(), text);
    CHECK(DumpJson(json.value()) == text);
  }
}

TEST_CASE("white space around a document is accepted, anything else behind it is not") {
  CHECK(Accepts(" \t\r\n{} \n"));
  for (const std::string_view text : {"{} x", "{}{}", "[] ]", "1 2", "{}\x0b"})
    CHECK_MESSAGE(!Accepts(text), text);
}

TEST_CASE("a NUL does not end the document unseen") {
  using std::string_view_literals::operator""sv;
  CHECK(!Accepts("{}\0{\"hidden\":1}"sv));
  CHECK(!Accepts("\0"sv));
}

TEST_CASE("what RFC 8259 does not know is refused") {
  for (const std::string_view text : {"",
                                      " ",
                                      "{",
                                      "}",
                                      "{\"a\"}",
                                      "{\"a\":}",
                                      "{a:1}",
                                      "{'a':1}",
                                      "[1,]",
                                      "{\"a\":1,}",
                                      "NaN",
                                      "Infinity",
                                      "-Infinity",
                                      "01",
                                      "1.",
                                      ".5",
                                      "+1",
                                      "0x10",
                                      "1e",
                                      "tru",
                                      "// c\n{}",
                                      "/* c */{}",
                                      "\"\t\"",
                                      "\"\n\"",
                                      "\"\\x41\"",
                                      "\"\\u12\"",
                                      "\"unterminated",
                                      "\xEF\xBB\xBF{}"}) {
    CHECK_MESSAGE(!Accepts(text), text);
  }
}

TEST_CASE("text that is not UTF-8 is refused") {
  for (const std::string_view text : {"\"\xFF\"", "\"\xC0\x80\"", "\"\xED\xA0\x80\"", "\"\xF5\x80\x80\x80\"",
                                      "\"\xE2\x82\"", "\"\\ud800\"", "\"\\udc00\\ud800\""}) {
    CHECK_MESSAGE(!Accepts(text), text);
  }
}

TEST_CASE("two members of one name are refused at any depth, however the name is spelt") {
  CHECK(!Accepts(R"({"a":1,"a":1})"));
  CHECK(!Accepts(R"({"a":1,"\u0061":2})"));
  CHECK(!Accepts(R"([{"x":{"a":1,"b":2,"a":3}}])"));
  CHECK(Accepts(R"({"a":{"a":1},"A":2})"));
}

TEST_CASE("depth and numbers of members are bounded") {
  CHECK(Accepts(Nested(16)));
  CHECK(!Accepts(Nested(17)));
  CHECK(!Accepts(std::string(1000000, '[')));
  CHECK(!Accepts(std::string(100000, '[') + std::string(100000, ']')));
  CHECK(Accepts(ArrayOf(1000)));
  CHECK(!Accepts(ArrayOf(1001)));
  CHECK(Accepts(ObjectOf(1000)));
  CHECK(!Accepts(ObjectOf(1001)));
  CHECK(!ParseJson("[[]]", {1, 10}).has_value());
  CHECK(!ParseJson("[1,2]", {1, 1}).has_value());
}

TEST_CASE("a number that would come back as another one is refused") {
  CHECK(Accepts("18446744073709551615"));
  CHECK(!Accepts("18446744073709551616"));
  CHECK(!Accepts("-9223372036854775809"));
  CHECK(!Accepts("1e999"));
}

TEST_CASE("a refusal says where but never what") {
  const auto json = ParseJson(R"({"password":"hunter2" "x"})");
  REQUIRE(!json.has_value());
  CHECK(json.error().kind == ErrorKind::kInvalid);
  CHECK(json.error().detail.find("hunter2") == std::string::npos);
  CHECK(json.error().detail.find("at byte 25") != std::string::npos);
  CHECK(json.error().cause.empty());
}

TEST_CASE("a request body is an object, and the empty body an empty one") {
  CHECK(ParseJsonObject("").value() == Json::object());
  CHECK(ParseJsonObject("{}\n").value() == Json::object());
  for (const std::string_view text : {"[]", "\"x\"", "1", "null", "true", " "}) {
    const auto json = ParseJsonObject(text);
    REQUIRE_MESSAGE(!json.has_value(), text);
    CHECK(json.error().kind == ErrorKind::kInvalid);
  }
}

TEST_CASE("bytes that are not UTF-8 are replaced when dumped") {
  CHECK(DumpJson(Json("a\xFFz")) == "\"a\xEF\xBF\xBDz\"");
}

TEST_CASE("wiping overwrites strings at every depth and keeps the rest") {
  auto json = ParseJson(R"({"a":"secret","b":["deep",{"c":"er"}],"n":5})").value();
  WipeStrings(json);
  const std::string text = DumpJson(json);
  for (const char* gone : {"secret", "deep", "er\""}) CHECK(text.find(gone) == std::string::npos);
  CHECK(json["n"] == 5);
}

TEST_CASE("a reader gives required and optional members of the right type and size") {
  const auto json =
      ParseJson(R"({"s":"abc","b":true,"i":-7,"t":"2026-02-27T12:00:00+01:00","o":{"k":[1]}})").value();
  ObjectReader reader(json);
  CHECK(reader.String("s", 1, 3) == "abc");
  std::optional<bool> flag;
  reader.OptionalBool("b", flag);
  CHECK(flag == true);
  std::optional<int64_t> number;
  reader.OptionalInt("i", -7, 7, number);
  CHECK(number == -7);
  std::optional<Time> time;
  reader.OptionalTime("t", time);
  CHECK(time == ParseTime("2026-02-27T11:00:00Z"));
  std::optional<std::string> object;
  reader.OptionalObject("o", 100, object);
  CHECK(object == R"({"k":[1]})");
  CHECK(reader.Has("s"));
  CHECK(!reader.Has("x"));
  CHECK(reader.Finish().has_value());
}

TEST_CASE("absent and null members keep the fallback unless they are required") {
  const auto json = ParseJson(R"({"s":null,"n":null})").value();
  ObjectReader reader(json);
  std::optional<std::string> text = "before";
  reader.OptionalString("s", 1, 10, text);
  std::optional<int64_t> number = 3;
  reader.OptionalInt("n", 0, 10, number);
  CHECK(text == "before");
  CHECK(number == 3);
  CHECK(reader.Finish().has_value());
  reader.String("s", 0, 10);
  CHECK(!reader.Finish().has_value());
}

TEST_CASE("a wrong member is refused with its name and the rule, not its value") {
  const auto json =
      ParseJson(R"({"s":"hunter2","n":"x","b":0,"t":"yesterday","o":[],"big":18446744073709551615,"f":1.0})")
          .value();
  const auto refusal = [&](auto read) {
    ObjectReader reader(json);
    read(reader);
    const auto finished = reader.Finish();
    REQUIRE(!finished.has_value());
    CHECK(finished.error().kind == ErrorKind::kInvalid);
    CHECK(finished.error().detail.find("hunter2") == std::string::npos);
    return finished.error().detail;
  };
  std::optional<int64_t> number;
  std::optional<bool> flag;
  std::optional<Time> time;
  std::optional<std::string> text;
  CHECK(refusal([&](auto& r) { r.String("missing", 0, 9); }) == "Field 'missing' is required");
  CHECK(refusal([&](auto& r) { r.String("s", 1, 6); }) == "Field 's' must be 1 to 6 bytes long");
  CHECK(refusal([&](auto& r) { r.String("s", 8, 9); }) == "Field 's' must be 8 to 9 bytes long");
  CHECK(refusal([&](auto& r) { r.String("b", 0, 9); }) == "Field 'b' must be a string");
  CHECK(refusal([&](auto& r) { r.OptionalInt("n", 0, 9, number); }) == "Field 'n' must be an integer");
  CHECK(refusal([&](auto& r) { r.OptionalInt("f", 0, 9, number); }) == "Field 'f' must be an integer");
  CHECK(refusal([&](auto& r) { r.OptionalInt("b", 1, 9, number); }) == "Field 'b' must be from 1 to 9");
  CHECK(refusal([&](auto& r) { r.OptionalInt("big", -1, 9, number); }) == "Field 'big' must be from -1 to 9");
  CHECK(refusal([&](auto& r) { r.OptionalBool("b", flag); }) == "Field 'b' must be true or false");
  CHECK(refusal([&](auto& r) { r.OptionalTime("t", time); }).starts_with("Field 't' must be a time"));
  CHECK(refusal([&](auto& r) { r.OptionalObject("o", 9, text); }) == "Field 'o' must be an object");
}

TEST_CASE("the first of several faults is reported") {
  const auto json = ParseJson("{}").value();
  ObjectReader reader(json);
  reader.String("first", 1, 2);
  reader.String("second", 1, 2);
  CHECK(reader.Finish().error().detail == "Field 'first' is required");
}

TEST_CASE("NUL is refused in text and allowed in raw strings") {
  const auto json = ParseJson(R"({"s":"a\u0000b"})").value();
  ObjectReader reader(json);
  CHECK(reader.RawString("s", 1, 3).size() == 3);
  CHECK(reader.Finish().has_value());
  reader.String("s", 1, 3);
  CHECK(!reader.Finish().has_value());
}
