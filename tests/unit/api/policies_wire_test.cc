#include "api/policies/policies_wire.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

using namespace claviger;
using namespace claviger::api;

namespace {

const Time kNow = *ParseTime("2026-03-01T12:00:00Z");
const char* const kId = "01950000-0000-7000-8000-000000000001";

Json Sound() {
  return {{"secret_path_pattern", "db/**"},
          {"principal_type", "agent"},
          {"principal_id", kId},
          {"permissions", {"read"}}};
}

Result<CreatePolicyRequest> Decode(Json members) {
  Json body = Sound();
  body.update(members);
  return DecodeCreatePolicy(body.dump(), kNow);
}

}  // namespace

TEST_CASE("a request is what it says") {
  const auto request = Decode({{"permissions", {"delete", "read", "read"}},
                               {"conditions", {{"time_window", {{"before", "12:00"}, {"after", "08:00"}}}}},
                               {"expires_at", "2026-03-02T00:00:00Z"}});
  REQUIRE(request);
  CHECK(request.value().pattern == "db/**");
  CHECK(request.value().principal_type == crypto::PrincipalType::kAgent);
  CHECK(FormatUuid(request.value().principal) == kId);
  CHECK(NamesOf(request.value().terms.permissions) == std::vector<std::string>{"read", "delete"});
  CHECK(request.value().terms.conditions == R"({"time_window":{"after":"08:00","before":"12:00"}})");
  CHECK(request.value().terms.expires_at == *ParseTime("2026-03-02T00:00:00Z"));
  const auto least = Decode(Json::object());
  REQUIRE(least);
  CHECK(least.value().terms.conditions == "{}");
  CHECK(!least.value().terms.expires_at);
}

TEST_CASE("what is missing or malformed is refused") {
  for (const char* name : {"secret_path_pattern", "principal_type", "principal_id", "permissions"}) {
    CAPTURE(name);
    Json body = Sound();
    body.erase(name);
    CHECK(!DecodeCreatePolicy(body.dump(), kNow));
    CHECK(!Decode({{name, nullptr}}));
    CHECK(!Decode({{name, 7}}));
  }
  for (const Json& members :
       std::initializer_list<Json>{{{"secret_path_pattern", "a//b"}},
                                   {{"secret_path_pattern", "a.b"}},
                                   {{"secret_path_pattern", ""}},
                                   {{"principal_type", "group"}},
                                   {{"principal_type", "User"}},
                                   {{"principal_id", "*"}},
                                   {{"principal_id", "00000000-0000-0000-0000-000000000000"}},
                                   {{"principal_id", "me"}},
                                   {{"permissions", Json::array()}},
                                   {{"permissions", {"admin"}}},
                                   {{"permissions", {"read", "Write"}}},
                                   {{"permissions", "read"}},
                                   {{"conditions", Json::array()}},
                                   {{"conditions", "{}"}},
                                   {{"conditions", {{"x", std::string(4096, 'x')}}}},
                                   {{"expires_at", "2026-03-01T12:00:00Z"}},
                                   {{"expires_at", "tomorrow"}}}) {
    CAPTURE(members.dump());
    const auto refused = Decode(members);
    REQUIRE(!refused);
    CHECK(refused.error().kind == ErrorKind::kInvalid);
  }
}

TEST_CASE("an update changes what it names, and nothing else") {
  PolicyTerms terms{{.read = true}, R"({"ip_allowlist":["192.0.2.1"]})", kNow + std::chrono::hours(1)};
  const PolicyTerms before = terms;
  REQUIRE(ApplyUpdatePolicy(R"({"secret_path_pattern":"**","principal_id":"x"})", kNow, terms));
  CHECK(terms.permissions == before.permissions);
  CHECK(terms.conditions == before.conditions);
  CHECK(terms.expires_at == before.expires_at);
  REQUIRE(ApplyUpdatePolicy(R"({"permissions":["write"]})", kNow, terms));
  CHECK(terms.permissions == Permissions{.write = true});
  REQUIRE(ApplyUpdatePolicy(R"({"conditions":{}})", kNow, terms));
  CHECK(terms.conditions == "{}");
  CHECK(terms.expires_at == before.expires_at);
  REQUIRE(ApplyUpdatePolicy(R"({"expires_at":null})", kNow, terms));
  CHECK(!terms.expires_at);
  for (const char* body :
       {R"({"permissions":[]})", R"({"expires_at":"2026-03-01T12:00:00Z"})", R"({"conditions":7})"}) {
    CHECK(!ApplyUpdatePolicy(body, kNow, terms));
  }
}

TEST_CASE("a policy has exactly the members that clients know") {
  Policy policy;
  policy.pattern = "**";
  policy.terms.permissions = {.write = true};
  const auto json = EncodePolicy(policy);
  REQUIRE(json);
  std::vector<std::string> names;
  for (const auto& [name, value] : json.value().items()) names.push_back(name);
  CHECK(names == std::vector<std::string>{"conditions", "created_at", "created_by", "created_by_type", "id",
                                          "permissions", "principal_id", "principal_type",
                                          "secret_path_pattern", "vault_id"});
  CHECK(json.value()["conditions"] == Json::object());
  policy.terms.conditions = "[]";
  const auto broken = EncodePolicy(policy);
  REQUIRE(!broken);
  CHECK(broken.error().kind == ErrorKind::kIntegrity);
}
