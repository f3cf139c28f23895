#include "api/agents/agents_wire.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

using namespace claviger;
using namespace claviger::api;

namespace {

const Time kNow = *ParseTime("2026-03-01T12:00:00Z");

bool Accepts(Json members) {
  members["name"] = "n";
  return DecodeCreateAgent(members.dump(), kNow).has_value();
}

}  // namespace

TEST_CASE("amounts are decimal numbers") {
  for (const char* good : {"0", "1", "0.5", "10.000000000000000001"})
    CHECK(Accepts({{"tx_max_value_eth", good}}));
  for (const char* bad : {"", ".", "1.", ".5", "-1", "1e3", "0x1", "1,5", " 1", "1.2.3"}) {
    CHECK_FALSE(Accepts({{"tx_max_value_eth", bad}}));
    CHECK_FALSE(Accepts({{"tx_daily_limit_eth", bad}}));
  }
}

TEST_CASE("fingerprints are 32 bytes in hexadecimal, with colons between all or none") {
  const auto takes = [](const std::string& text) {
    return Accepts({{"auth_method", "mtls"}, {"client_cert_fingerprint", text}});
  };
  std::string plain, colons;
  for (int i = 0; i < 32; ++i) {
    plain += "aB";
    colons += i == 0 ? "0F" : ":0F";
  }
  CHECK(takes(plain));
  CHECK(takes(colons));
  for (const auto& bad : {plain + "0", plain.substr(2), colons + ":", ":" + colons, colons.substr(3),
                          "g" + plain.substr(1), plain.substr(0, 61) + ":" + plain.substr(62)}) {
    CHECK_FALSE(takes(bad));
  }
}

TEST_CASE("who shall get an agent's key is an address in its one form") {
  const auto asked = DecodeEnrollAgent(R"({"name":"n","human_email":"Ann@Example.ORG"})");
  REQUIRE(asked.has_value());
  CHECK(asked.value().email == "ann@example.org");
  CHECK(asked.value().description.empty());
  for (const char* bad :
       {"", "ann", "@example.org", "ann@", "a b@example.org", "ann@example.org\r\nBcc: x@y.z",
        "ann@example.org, bob@example.org", "<ann@example.org>", "ann\xC3\xA9@example.org"}) {
    CHECK_FALSE(DecodeEnrollAgent(Json({{"name", "n"}, {"human_email", bad}}).dump()).has_value());
  }
  CHECK(EncodeEnrollmentAsked().at("agent_id") == "00000000-0000-0000-0000-000000000000");
}

TEST_CASE("a change leaves what it does not name, and null clears what may be absent") {
  AgentSettings settings;
  settings.name = "old";
  settings.scopes = {"a"};
  settings.token_ttl_seconds = 60;
  settings.tx_max_value_eth = "1";
  settings.expires_at = kNow;
  REQUIRE(ApplyUpdateAgent("{}", kNow, settings));
  CHECK(settings.name == "old");
  CHECK(settings.expires_at == kNow);
  REQUIRE(ApplyUpdateAgent(
      R"({"name":null,"scopes":null,"token_ttl_seconds":null,"tx_max_value_eth":null,"expires_at":null})",
      kNow, settings));
  CHECK(settings.name == "old");
  CHECK(settings.scopes == std::vector<std::string>{"a"});
  CHECK(!settings.token_ttl_seconds);
  CHECK(!settings.tx_max_value_eth);
  CHECK(!settings.expires_at);
  REQUIRE(ApplyUpdateAgent(R"({"scopes":[],"is_active":false})", kNow, settings));
  CHECK(settings.scopes.empty());
  CHECK(!settings.is_active);
}

TEST_CASE("an agent that proves itself by its key carries none of the other proofs") {
  const auto request =
      DecodeCreateAgent(R"({"name":"n","client_cert_fingerprint":"x","oidc_issuer":"y"})", kNow);
  REQUIRE(request);
  CHECK(!request.value().identity.client_cert_fingerprint);
  CHECK(!request.value().identity.oidc_issuer);
}
