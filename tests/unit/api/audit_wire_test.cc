#include "api/audit/audit_wire.h"

#include <doctest/doctest.h>

using namespace claviger::api;

TEST_CASE("an export page keeps its elements as they were written") {
  const auto page = DecodeRecordPage(R"({"count":1,"records":[{"sequence":7,"b":"x","a":null}]})");
  REQUIRE(page);
  CHECK(page.value().last == 7);
  CHECK(page.value().lines == std::vector<std::string>{R"({"sequence":7,"b":"x","a":null})"});
}

TEST_CASE("anything but an object with a list of numbered objects is no export page") {
  for (const char* body :
       {"", "null", "[]", "{}", R"({"records":1})", R"({"records":[1]})", R"({"records":[{}]})",
        R"({"records":[{"sequence":-1}]})", R"({"checkpoints":[{"sequence":1}]})"}) {
    CAPTURE(body);
    CHECK_FALSE(DecodeRecordPage(body));
  }
}
