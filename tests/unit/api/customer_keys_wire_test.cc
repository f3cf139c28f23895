#include "api/customer_keys/customer_keys_wire.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

using namespace claviger;
using namespace claviger::api;

TEST_CASE("a request to bind names a token and a key on it") {
  const auto request = DecodeBindCustomerKey(R"({"token":"acme","key":"vault key","other":1})");
  REQUIRE(request);
  CHECK(request.value().token == "acme");
  CHECK(request.value().key == "vault key");
  const auto again = DecodeBindCustomerKey(DumpJson(EncodeBindCustomerKey(request.value())));
  REQUIRE(again);
  CHECK(again.value().key == request.value().key);
}

TEST_CASE("what names none is refused") {
  for (const std::string& body :
       {std::string(), std::string("[]"), std::string(R"({"token":"a"})"), std::string(R"({"key":"a"})"),
        std::string(R"({"token":"","key":"a"})"), std::string(R"({"token":"a","key":""})"),
        std::string(R"({"token":"a\n","key":"a"})"), std::string(R"({"token":"a","key":"a\u0000"})"),
        std::string(R"({"token":7,"key":"a"})"), R"({"token":")" + std::string(33, 'x') + R"(","key":"a"})",
        R"({"token":"a","key":")" + std::string(256, 'x') + R"("})"}) {
    CAPTURE(body);
    const auto request = DecodeBindCustomerKey(body);
    REQUIRE(!request);
    CHECK(request.error().kind == ErrorKind::kInvalid);
  }
}

TEST_CASE("a status says what the key is, how far it is, and why it cannot be used") {
  CustomerKeyStatus status;
  status.token = "acme";
  status.key = "k";
  status.state = CustomerKeyState::kBound;
  auto json = EncodeCustomerKeyStatus(status);
  CHECK(json["state"] == "bound");
  CHECK(json["usable"] == true);
  CHECK(!json.contains("reason"));
  CHECK(!json.contains("rotation_id"));
  status.reason = "customer_key_disabled";
  status.state = CustomerKeyState::kReleasing;
  status.rotation = CustomerKeyStatus::Move{};
  json = EncodeCustomerKeyStatus(status);
  CHECK(json["state"] == "releasing");
  CHECK(json["usable"] == false);
  CHECK(json["reason"] == "customer_key_disabled");
  CHECK(json.contains("rotation_id"));
  CHECK(json["rotation_state"] == "pending");
}
