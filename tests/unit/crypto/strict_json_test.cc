#include "crypto/strict_json.h"

#include <doctest/doctest.h>

using namespace claviger::crypto;

TEST_CASE("A strict object is read with all its values") {
  const auto object = ParseStrictObject(R"({"a":"x","b":[1,{"c":null}],"d":{"a":1}} )");
  REQUIRE(object);
  CHECK(*FindString(*object, "a") == "x");
  CHECK(FindString(*object, "b") == nullptr);
  CHECK(FindString(*object, "absent") == nullptr);
}

TEST_CASE("Everything but one strict object is refused") {
  for (const char* text : {"",
                           " {}",
                           "\xEF\xBB\xBF{}",
                           "[]",
                           "1",
                           "\"a\"",
                           "null",
                           "{",
                           "}",
                           "{}{}",
                           "{} x",
                           "{\"a\":1,}",
                           "{'a':1}",
                           "{\"a\":1 // c\n}",
                           "{\"a\":NaN}",
                           "{\"a\":01}",
                           "{\"a\":1e999}",
                           "{\"a\":\"\xC3\"}",
                           "{\"a\":\"\xED\xA0\x80\"}",
                           "{\"a\":\"\\ud800\"}",
                           "{\"a\":\"\n\"}",
                           "{\"\xFF\":1}"}) {
    CAPTURE(text);
    CHECK_FALSE(ParseStrictObject(text));
  }
}

TEST_CASE("A NUL does not end the text") {
  using namespace std::string_view_literals;
  CHECK_FALSE(ParseStrictObject("{}\0"sv));
  CHECK_FALSE(ParseStrictObject("{}\0 hidden"sv));
  CHECK_FALSE(ParseStrictObject("{\"a\":\"\0\"}"sv));
}

TEST_CASE("Duplicate members are refused at every level and in every spelling") {
  for (const char* text :
       {R"({"a":1,"a":1})", R"({"a":1,"b":2,"a":3})", R"({"a":1,"\u0061":1})", R"({"x":{"a":1,"a":2}})",
        R"({"x":[{"a":1,"a":2}]})", R"({"x":[[{"y":{}},{"a":1,"a":2}]]})"}) {
    CAPTURE(text);
    CHECK_FALSE(ParseStrictObject(text));
  }
  CHECK(ParseStrictObject(R"({"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]})"));
}

TEST_CASE("Deep nesting is refused without recursion") {
  const auto nested = [](int depth) {
    std::string text = "{\"a\":";
    text.append(static_cast<size_t>(depth), '[');
    text.append(static_cast<size_t>(depth), ']');
    return text + "}";
  };
  CHECK(ParseStrictObject(nested(7)));
  CHECK_FALSE(ParseStrictObject(nested(9)));
  CHECK_FALSE(ParseStrictObject(nested(1000000)));
}
