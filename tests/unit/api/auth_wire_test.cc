#include "api/auth/auth_wire.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

using namespace claviger;
using namespace claviger::api;

TEST_CASE("an address is lower-cased and otherwise kept") {
  for (const auto& [text, expected] : {std::pair{"A@B", "a@b"},
                                       {"First.Last+Tag@Mail.Example.ORG", "first.last+tag@mail.example.org"},
                                       {"!#$%&'*+-/=?^_`{|}~@x-1.y", "!#$%&'*+-/=?^_`{|}~@x-1.y"}}) {
    const auto address = NormalizeEmail(text);
    REQUIRE_MESSAGE(address.has_value(), text);
    CHECK(address.value() == expected);
  }
}

TEST_CASE("what is no plain ASCII address is refused") {
  const std::string long_label(64, 'a');
  std::vector<std::string> bad = {"",
                                  "@",
                                  "a@",
                                  "@b",
                                  "a",
                                  "a@b@c",
                                  " a@b",
                                  "a@b ",
                                  "a b@c",
                                  "a@b c",
                                  ".a@b",
                                  "a.@b",
                                  "a..b@c",
                                  "a@.b",
                                  "a@b.",
                                  "a@b..c",
                                  "a@-b",
                                  "a@b-",
                                  "a@b_c",
                                  "a@[1.2.3.4]",
                                  "\"a\"@b",
                                  "a(c)@b",
                                  "a@b\n",
                                  "a\t@b",
                                  "a,b@c",
                                  "a;b@c",
                                  "<a@b>",
                                  "a@b\r\nx: y",
                                  "\xC3\xA9@b",
                                  "a@\xC3\xA9",
                                  long_label + "b@c",
                                  "a@" + long_label};
  bad.push_back("a@" + std::string(126, 'b') + "." + std::string(126, 'c'));
  bad.push_back(std::string("a\0@b", 4));
  std::string too_long = "a@";
  while (too_long.size() < 255) too_long += "bcd.";
  bad.push_back(too_long + "e");
  for (const auto& text : bad) CHECK_MESSAGE(!NormalizeEmail(text).has_value(), text);
}

TEST_CASE("a signup needs address and password, and names itself after the address") {
  const auto request = DecodeSignup(R"({"email":"Ann@Example.org","password":"pw","extra":1})");
  REQUIRE(request.has_value());
  CHECK(request.value().email == "ann@example.org");
  CHECK(request.value().password.Text() == "pw");
  CHECK(request.value().display_name == "ann");
  const auto named = DecodeSignup(R"({"email":"a@b","password":"pw","display_name":"Zoë ✓"})");
  CHECK(named.value().display_name == "Zoë ✓");
  for (const std::string_view body :
       {"", "{}", "[]", R"({"email":"a@b"})", R"({"password":"x"})", R"({"email":1,"password":"x"})",
        R"({"email":"a@b","password":""})", R"({"email":"a@b","password":["x"]})",
        R"({"email":"ab","password":"x"})", R"({"email":"a@b","password":"x","display_name":""})",
        R"({"email":"a@b","password":"x","display_name":"a\nb"})",
        R"({"email":"a@b","password":"x","display_name":"\u007f"})",
        R"({"email":"a@b","password":"a\u0000b"})", R"({"email":"a@b","email":"c@d","password":"x"})"}) {
    const auto refused = DecodeSignup(body);
    REQUIRE_MESSAGE(!refused.has_value(), body);
    CHECK(refused.error().kind == ErrorKind::kInvalid);
  }
}

TEST_CASE("display names are counted in characters") {
  std::string name;
  for (int i = 0; i < 255; ++i) name += "é";
  const auto body = [](const std::string& text) { return DumpJson({{"display_name", text}}); };
  CHECK(DecodeUpdateMe(body(name)).has_value());
  CHECK(!DecodeUpdateMe(body(name + "é")).has_value());
}

TEST_CASE("a login with an address nobody can have is not an error of form") {
  const auto request = DecodeLogin(R"({"email":"not an address","password":"x"})");
  REQUIRE(request.has_value());
  CHECK(!request.value().email);
  CHECK(!DecodeLogin(R"({"email":"a@b"})").has_value());
  CHECK(!DecodeLogin(R"({"username":"a@b","password":"x"})").has_value());
}

TEST_CASE("requests encode to what the daemon decodes") {
  SignupRequest signup{"a@b", SecretBytes(std::string_view("p\"w")), "Name"};
  const auto decoded = DecodeSignup(EncodeSignup(signup).Text());
  REQUIRE(decoded.has_value());
  CHECK(decoded.value().email == "a@b");
  CHECK(decoded.value().password == signup.password);
  CHECK(decoded.value().display_name == "Name");
  const LoginRequest login{"a@b", SecretBytes(std::string_view("p\\w"))};
  CHECK(DecodeLogin(EncodeLogin(login).Text()).value().password == login.password);
}

TEST_CASE("deleting an account takes the exact text under either name") {
  CHECK(DecodeDeleteMe(R"({"confirmation":"DELETE MY ACCOUNT"})").has_value());
  CHECK(DecodeDeleteMe(R"({"confirm":"DELETE MY ACCOUNT"})").has_value());
  for (const std::string_view body :
       {"", "{}", R"({"confirmation":"delete my account"})", R"({"confirmation":"DELETE MY ACCOUNT "})",
        R"({"confirmation":true})", R"({"confirmation":"no","confirm":"DELETE MY ACCOUNT"})"}) {
    CHECK_MESSAGE(!DecodeDeleteMe(body).has_value(), body);
  }
}

TEST_CASE("a token response has exactly the three members that clients accept") {
  AccessToken given;
  given.token = "t";
  given.expires_in = 900;
  CHECK(DumpJson(EncodeAccessToken(given)) ==
        R"({"access_token":"t","expires_in":900,"token_type":"Bearer"})");
  const auto token = DecodeAccessToken(EncodeAccessToken(given));
  CHECK(token.value().token == "t");
  CHECK(token.value().expires_in == 900);
  CHECK(!DecodeAccessToken(Json::object()).has_value());
}

TEST_CASE("a profile encodes to what the command line decodes") {
  Profile profile;
  profile.id = *UserId::Parse("11111111-2222-3333-4444-555555555555");
  profile.org = *OrgId::Parse("66666666-7777-8888-9999-aaaaaaaaaaaa");
  profile.email = "a@b";
  profile.display_name = "Name";
  profile.auth_method = "email";
  profile.role = "owner";
  profile.marketing_emails = true;
  profile.created_at = *ParseTime("2026-03-01T12:00:00Z");
  const auto decoded = DecodeProfile(EncodeProfile(profile));
  REQUIRE(decoded.has_value());
  CHECK(EncodeProfile(decoded.value()) == EncodeProfile(profile));
  CHECK(EncodeProfile(profile)["totp_enabled"] == false);
}
