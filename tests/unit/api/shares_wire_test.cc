#include "api/shares/shares_wire.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

using namespace claviger;
using namespace claviger::api;

namespace {

constexpr Time kNow{std::chrono::seconds{1'772'366'400}};

Result<CreateShareRequest> Decode(const Json& changes) {
  Json body = {{"recipient_type", "anyone_with_link"},
               {"expires_at", FormatTime(kNow + std::chrono::hours(1))}};
  body.merge_patch(changes);
  return DecodeCreateShare(body.dump(), kNow);
}

}  // namespace

TEST_CASE("a share ends in the future, and within five years") {
  const auto ends = [](Time time) { return Decode({{"expires_at", FormatTime(time)}}).has_value(); };
  CHECK_FALSE(ends(kNow));
  CHECK(ends(kNow + std::chrono::microseconds(1)));
  CHECK(ends(kNow + kMaxShareLife));
  CHECK_FALSE(ends(kNow + kMaxShareLife + std::chrono::microseconds(1)));
  CHECK_FALSE(DecodeCreateShare(R"({"recipient_type":"anyone_with_link"})", kNow));
}

TEST_CASE("a recipient is named as its type wants it, and ignored where it does not") {
  const std::string id = "0190aaaa-0004-7000-8000-000000000001";
  for (const char* type : {"user", "agent"}) {
    CHECK_FALSE(Decode({{"recipient_type", type}}));
    CHECK_FALSE(Decode({{"recipient_type", type}, {"recipient_id", "me"}}));
    const auto request = Decode({{"recipient_type", type}, {"recipient_id", id}});
    REQUIRE(request);
    CHECK(FormatUuid(*request.value().recipient_id) == id);
  }
  for (const char* type : {"creator", "anyone_with_link"}) {
    const auto request = Decode({{"recipient_type", type}, {"recipient_id", id}, {"email", "a@example.org"}});
    REQUIRE(request);
    CHECK_FALSE(request.value().recipient_id.has_value());
    CHECK(request.value().email.empty());
  }
  CHECK_FALSE(Decode({{"recipient_type", "external_email"}}));
  for (const char* member : {"email", "recipient_email"}) {
    const auto request = Decode({{"recipient_type", "external_email"}, {member, "A@Example.org"}});
    REQUIRE(request);
    CHECK(request.value().email == "a@example.org");
  }
}

TEST_CASE("a passphrase fits into a header") {
  for (const char* passphrase : {"x", "two words", "Größe"}) CHECK(Decode({{"passphrase", passphrase}}));
  for (const char* passphrase : {"", " x", "x ", "a\r\nb", "a\tb", "a\x7F"}) {
    CAPTURE(passphrase);
    CHECK_FALSE(Decode({{"passphrase", passphrase}}));
  }
  CHECK(Decode({{"passphrase", std::string(kMaxPassphraseBytes, 'x')}}));
  CHECK_FALSE(Decode({{"passphrase", std::string(kMaxPassphraseBytes + 1, 'x')}}));
}

TEST_CASE("requests and answers print back") {
  const auto request = Decode({{"max_access_count", 7},
                               {"passphrase", "open sesame"},
                               {"ip_allowlist", {"192.0.2.0/24", "2001:db8::1"}}});
  REQUIRE(request);
  const SecretBytes printed = EncodeCreateShare(request.value());
  const auto again = DecodeCreateShare(printed.Text(), kNow);
  REQUIRE(again);
  CHECK(EncodeCreateShare(again.value()) == printed);

  SharedSecret secret;
  secret.id = *LinkId::Parse("4f9a1c52-7f0e-4d1b-9a55-0123456789ab");
  secret.path = "db/password";
  secret.type = "password";
  secret.encoding = "base64";
  secret.value = SecretBytes(std::string_view("AAEC"));
  secret.access_count = 2;
  secret.max_access_count = 3;
  const auto read = DecodeSharedSecret(EncodeSharedSecret(secret));
  REQUIRE(read);
  CHECK(EncodeSharedSecret(read.value()) == EncodeSharedSecret(secret));
}

TEST_CASE("a recipient type has one name") {
  for (const auto type : {RecipientType::kCreator, RecipientType::kUser, RecipientType::kAgent,
                          RecipientType::kEmail, RecipientType::kAnyone}) {
    CHECK(ParseRecipientType(Name(type)) == type);
  }
  CHECK_FALSE(ParseRecipientType("User").has_value());
}
