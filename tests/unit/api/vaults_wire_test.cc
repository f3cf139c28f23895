#include "api/vaults/vaults_wire.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

using namespace claviger;
using namespace claviger::api;

namespace {

std::string Body(const std::string& name, const std::string& description = "") {
  return Json{{"name", name}, {"description", description}}.dump();
}

std::string Repeat(std::string_view text, size_t times) {
  std::string all;
  for (size_t i = 0; i < times; ++i) all += text;
  return all;
}

Vault SomeVault() {
  Vault vault;
  vault.id = *VaultId::Parse("0195a1b2-0000-7000-8000-000000000001");
  vault.name = "Größe \"A\"";
  vault.description = "two\nlines";
  vault.created_by_type = "agent";
  vault.created_by = *ParseUuid("0195a1b2-0000-7000-8000-000000000002");
  vault.created_at = *ParseTime("2026-03-01T12:00:00.000001Z");
  return vault;
}

}  // namespace

TEST_CASE("a vault's name may have 1 to 255 characters, counted as characters and not as bytes") {
  CHECK(DecodeCreateVault(Body("x")));
  CHECK(DecodeCreateVault(Body(Repeat("n", 255))));
  CHECK(DecodeCreateVault(Body(Repeat("ü", 255))));
  CHECK(DecodeCreateVault(Body(Repeat("\xF0\x9F\x94\x91", 255))));
  CHECK_FALSE(DecodeCreateVault(Body("")));
  CHECK_FALSE(DecodeCreateVault(Body(Repeat("n", 256))));
  CHECK_FALSE(DecodeCreateVault(Body(Repeat("ü", 256))));
}

TEST_CASE("a vault's name holds no control characters") {
  for (const std::string_view bad : {"\n", "\t", "\x01", "\x1F", "\x7F", "\xC2\x80", "\xC2\x9F"}) {
    CAPTURE(bad);
    CHECK_FALSE(DecodeCreateVault(Body("a" + std::string(bad) + "b")));
  }
  CHECK_FALSE(DecodeCreateVault(R"({"name":"a\u0000b"})"));
  CHECK(
      DecodeCreateVault(Body("a\xC2\xA0"
                             "b")));  // a no-break space is none
}

TEST_CASE("names that begin with two underscores are reserved, one underscore is not") {
  CHECK_FALSE(DecodeCreateVault(Body("__agent-keys")));
  CHECK_FALSE(DecodeCreateVault(Body("__")));
  CHECK(DecodeCreateVault(Body("_a")));
  CHECK(DecodeCreateVault(Body("a__b")));
}

TEST_CASE("a description may have line breaks and tabs but no other control characters") {
  CHECK(DecodeCreateVault(Body("n", "one\r\ntwo\tthree")));
  CHECK_FALSE(DecodeCreateVault(Body("n", "bell\x07")));
  CHECK_FALSE(DecodeCreateVault(R"({"name":"n","description":"a\u0000b"})"));
  CHECK(DecodeCreateVault(Body("n", std::string(1024, 'd'))));
  CHECK_FALSE(DecodeCreateVault(Body("n", std::string(1025, 'd'))));
}

TEST_CASE("an absent description is empty") {
  const auto request = DecodeCreateVault(R"({"name":"n","unknown":1})");
  REQUIRE(request);
  CHECK(request.value().description.empty());
}

TEST_CASE("a request to create a vault is refused unless its name is a string") {
  for (const char* body : {"", "{}", "[]", "null", R"({"name":null})", R"({"name":7})", R"({"name":["n"]})",
                           R"({"name":"n","description":7})"}) {
    CAPTURE(body);
    const auto request = DecodeCreateVault(body);
    REQUIRE_FALSE(request);
    CHECK(request.error().kind == ErrorKind::kInvalid);
  }
}

TEST_CASE("a refusal names the member and never repeats its value") {
  const auto request = DecodeCreateVault(Body("__canary"));
  REQUIRE_FALSE(request);
  CHECK(request.error().detail.find("name") != std::string::npos);
  CHECK(request.error().detail.find("canary") == std::string::npos);
}

TEST_CASE("a vault has exactly the members that shipped clients know") {
  const Json json = EncodeVault(SomeVault());
  std::vector<std::string> members;
  for (const auto& [name, value] : json.items()) members.push_back(name);
  CHECK(members == std::vector<std::string>{"cmek_enabled", "created_at", "created_by", "created_by_type",
                                            "description", "id", "name"});
  CHECK(json["created_by"] == "0195a1b2-0000-7000-8000-000000000002");
  CHECK(json["created_at"] == "2026-03-01T12:00:00.000001Z");
}

TEST_CASE("a vault reads back as it was written") {
  Vault some = SomeVault();
  for (const bool enabled : {false, true}) {
    if (enabled) some.cmek_fingerprint.emplace().fill(0xAB);
    const auto json = EncodeVault(some);
    CHECK(json["cmek_enabled"] == enabled);
    CHECK(json.contains("cmek_fingerprint") == enabled);
    const auto vault = DecodeVault(json);
    REQUIRE(vault);
    CHECK(EncodeVault(vault.value()) == json);
  }
  Json odd = EncodeVault(some);
  odd["cmek_fingerprint"] = "abab";
  CHECK(!DecodeVault(odd));
}

TEST_CASE("a request to create a vault reads back as it was written") {
  const auto request = DecodeCreateVault(DumpJson(EncodeCreateVault({"name", "text"})));
  REQUIRE(request);
  CHECK(request.value().name == "name");
  CHECK(request.value().description == "text");
}
