#include "api/secrets/secrets_wire.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

using namespace claviger;
using namespace claviger::api;

namespace {

const Time kNow = *ParseTime("2026-03-01T12:00:00Z");

Result<PutSecretRequest> Decode(const Json& body) { return DecodePutSecret(body.dump(), kNow); }

SecretMetadata SomeSecret() {
  SecretMetadata secret;
  secret.id = *SecretId::Parse("0195a1b2-0000-7000-8000-000000000003");
  secret.path = "db/password";
  secret.type = "password";
  secret.version = 7;
  secret.metadata = R"({"owner":"ops"})";
  secret.created_at = kNow;
  secret.expires_at = kNow + std::chrono::hours(1);
  return secret;
}

std::vector<std::string> Members(const Json& json) {
  std::vector<std::string> members;
  for (const auto& [name, value] : json.items()) members.push_back(name);
  return members;
}

}  // namespace

TEST_CASE("a secret's path is made of letters, digits, hyphens and underscores in segments") {
  for (const char* path : {"a", "0", "OPENAI_KEY", "a/b", "a-b_c/D9", "a/-b", "a-/b", "a/_/b", "rotate"}) {
    CAPTURE(path);
    CHECK(IsSecretPath(path));
  }
}

TEST_CASE("a path that breaks the rule is none") {
  for (const char* path : {"",
                           "/",
                           "/a",
                           "a/",
                           "a//b",
                           "-a",
                           "a-",
                           "_a",
                           "a_",
                           ".",
                           "..",
                           "a/../b",
                           "a.b",
                           "a b",
                           "a\tb",
                           "a\nb",
                           "a%2Fb",
                           "a*",
                           "a+",
                           "a?b",
                           "a#b",
                           "a\\b",
                           "a:b",
                           "\xC3\xA4",
                           "a\xC3\xA4"
                           "b",
                           "a\xFF"
                           "b"}) {
    CAPTURE(path);
    CHECK_FALSE(IsSecretPath(path));
  }
  CHECK_FALSE(IsSecretPath(std::string_view("a\0b", 3)));
}

TEST_CASE("a path has at most 512 characters") {
  CHECK(IsSecretPath(std::string(512, 'a')));
  CHECK_FALSE(IsSecretPath(std::string(513, 'a')));
}

TEST_CASE("a value alone is enough to write a secret") {
  const auto request = Decode({{"value", "v"}});
  REQUIRE(request);
  CHECK(request.value().value.Text() == "v");
  CHECK_FALSE(request.value().type);
  CHECK(request.value().metadata == "{}");
  CHECK_FALSE(request.value().expires_at);
  CHECK(request.value().max_access_count == 0);
}

TEST_CASE("a value is a string of at least one byte") {
  CHECK_FALSE(Decode(Json::object()));
  CHECK_FALSE(Decode({{"value", ""}}));
  CHECK_FALSE(Decode({{"value", nullptr}}));
  CHECK_FALSE(Decode({{"value", 7}}));
  CHECK_FALSE(Decode({{"value", {"v"}}}));
}

TEST_CASE("a value may hold any text, also NUL and control characters") {
  const auto request = DecodePutSecret(R"({"value":"a\u0000\n\u001f\"\\ä"})", kNow);
  REQUIRE(request);
  CHECK(request.value().value.Text() == std::string_view("a\0\n\x1f\"\\\xC3\xA4", 8));
}

TEST_CASE("the ten types are accepted and no other") {
  for (const auto type : kSecretTypes) CHECK(Decode({{"value", "v"}, {"type", type}}));
  for (const char* type : {"", "Password", "secret", "generic "}) {
    CAPTURE(type);
    CHECK_FALSE(Decode({{"value", "v"}, {"type", type}}));
  }
}

TEST_CASE("an expiry must lie in the future") {
  CHECK(Decode({{"value", "v"}, {"expires_at", "2026-03-01T12:00:00.000001Z"}}));
  CHECK(Decode({{"value", "v"}, {"expires_at", "2026-03-01T14:00:01+02:00"}}));
  CHECK_FALSE(Decode({{"value", "v"}, {"expires_at", "2026-03-01T12:00:00Z"}}));
  CHECK_FALSE(Decode({{"value", "v"}, {"expires_at", "2026-03-01T14:00:00+02:00"}}));
  CHECK_FALSE(Decode({{"value", "v"}, {"expires_at", "tomorrow"}}));
  CHECK_FALSE(Decode({{"value", "v"}, {"expires_at", 1900000000}}));
}

TEST_CASE("max_access_count is a whole number from 0 to 2^31 - 1") {
  CHECK(Decode({{"value", "v"}, {"max_access_count", 0}}));
  CHECK(Decode({{"value", "v"}, {"max_access_count", 2147483647}}).value().max_access_count == 2147483647);
  CHECK_FALSE(Decode({{"value", "v"}, {"max_access_count", 2147483648}}));
  CHECK_FALSE(Decode({{"value", "v"}, {"max_access_count", -1}}));
  CHECK_FALSE(Decode({{"value", "v"}, {"max_access_count", 1.5}}));
  CHECK_FALSE(Decode({{"value", "v"}, {"max_access_count", "3"}}));
  CHECK_FALSE(DecodePutSecret(R"({"value":"v","max_access_count":1e400})", kNow));
  CHECK_FALSE(DecodePutSecret(R"({"value":"v","max_access_count":18446744073709551616})", kNow));
}

TEST_CASE("metadata is an object of at most 16 KiB") {
  CHECK(Decode({{"value", "v"}, {"metadata", {{"a", {{"b", 1}}}}}}));
  CHECK_FALSE(Decode({{"value", "v"}, {"metadata", "text"}}));
  CHECK_FALSE(Decode({{"value", "v"}, {"metadata", {1, 2}}}));
  // {"a":"..."} has 8 bytes besides the text.
  CHECK(Decode({{"value", "v"}, {"metadata", {{"a", std::string(16 * 1024 - 8, 'x')}}}}));
  CHECK_FALSE(Decode({{"value", "v"}, {"metadata", {{"a", std::string(16 * 1024 - 7, 'x')}}}}));
}

TEST_CASE("a rotation policy and unknown members are ignored") {
  CHECK(Decode({{"value", "v"}, {"rotation_policy", {{"days", 30}}}, {"secret_type", "x"}}));
}

TEST_CASE("a refusal never repeats what was sent") {
  const auto request = Decode({{"value", "canary-1"}, {"type", "canary-2"}, {"expires_at", "canary-3"}});
  REQUIRE_FALSE(request);
  CHECK(request.error().detail.find("canary") == std::string::npos);
}

TEST_CASE("secret metadata has exactly the members that shipped clients know") {
  SecretMetadata secret = SomeSecret();
  const auto json = EncodeSecretMetadata(secret);
  REQUIRE(json);
  CHECK(Members(json.value()) ==
        std::vector<std::string>{"created_at", "expires_at", "id", "metadata", "path", "type", "version"});
  secret.expires_at.reset();
  CHECK_FALSE(EncodeSecretMetadata(secret).value().contains("expires_at"));
}

TEST_CASE("a secret's value has exactly the members that shipped clients know") {
  const auto body =
      EncodeSecret({SomeSecret(), "user:0195a1b2-0000-7000-8000-000000000002", SecretBytes("v")});
  REQUIRE(body);
  CHECK(Members(Json::parse(body.value())) ==
        std::vector<std::string>{"cmek_encrypted", "created_at", "created_by", "expires_at", "id", "metadata",
                                 "path", "type", "value", "version"});
}

TEST_CASE("a secret says whether its client sealed it") {
  for (const bool sealed : {false, true}) {
    const auto body =
        EncodeSecret({SomeSecret(), "user:0195a1b2-0000-7000-8000-000000000002", SecretBytes("v"), sealed});
    REQUIRE(body);
    CHECK(Json::parse(body.value())["cmek_encrypted"] == sealed);
    CHECK(DecodeSecret(body.value()).value().cmek_encrypted == sealed);
  }
}

TEST_CASE("stored metadata that is not a JSON object is an integrity failure") {
  SecretMetadata secret = SomeSecret();
  for (const char* metadata : {"", "[]", "{", R"({"a":1,"a":2})"}) {
    secret.metadata = metadata;
    const auto json = EncodeSecretMetadata(secret);
    // The empty text counts as an empty object in requests; as stored metadata it is harmless.
    if (secret.metadata.empty()) continue;
    REQUIRE_FALSE(json);
    CHECK(json.error().kind == ErrorKind::kIntegrity);
  }
}

TEST_CASE("secrets read back as they were written") {
  const std::string value("\"\\\0\n\xF0\x9F\x94\x91", 8);
  const auto body =
      EncodeSecret({SomeSecret(), "user:0195a1b2-0000-7000-8000-000000000002", SecretBytes(value)});
  REQUIRE(body);
  const auto secret = DecodeSecret(body.value());
  REQUIRE(secret);
  CHECK(secret.value().value.Text() == value);
  CHECK(EncodeSecret(secret.value()).value() == body.value());
}

TEST_CASE("a request to write a secret reads back as it was written") {
  PutSecretRequest request;
  request.value = SecretBytes("v\n");
  request.type = "note";
  request.metadata = R"({"a":[1,2]})";
  request.expires_at = kNow + std::chrono::hours(1);
  request.max_access_count = 3;
  const auto read = DecodePutSecret(EncodePutSecret(request), kNow);
  REQUIRE(read);
  CHECK(read.value().value == request.value);
  CHECK(read.value().type == request.type);
  CHECK(read.value().metadata == request.metadata);
  CHECK(read.value().expires_at == request.expires_at);
  CHECK(read.value().max_access_count == 3);
}
