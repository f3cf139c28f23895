#include <doctest/doctest.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/ids.h"
#include "base/secret_bytes.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_random.h"

using namespace claviger;

TEST_CASE("Base64 follows the vectors of RFC 4648 section 10") {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, encoded] : vectors) {
    CHECK(Base64Encode(AsBytes(plain)) == encoded);
    const auto decoded = Base64Decode(encoded);
    REQUIRE(decoded);
    CHECK(AsText(*decoded) == plain);
  }
}

TEST_CASE("Decoders refuse every second spelling of a value") {
  for (const char* text : {"Zg", "Zg=", "Zh==", "Zg==\n", "Zm9=", "Z===", "====", "Zm9v ", "Zm-v"}) {
    CAPTURE(text);
    CHECK_FALSE(Base64Decode(text));
  }
  for (const char* text : {"Zh", "Zg==", "Zm9+", "A", "Zm 9"}) {
    CAPTURE(text);
    CHECK_FALSE(Base64UrlDecode(text));
  }
  CHECK_FALSE(HexDecode("0"));
  CHECK_FALSE(HexDecode("0G"));
  CHECK_FALSE(HexDecode("AB"));
}

TEST_CASE("UTF-8 check refuses overlong forms, surrogates and cut sequences") {
  CHECK(IsUtf8("gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x94\x91"));
  for (const char* bad : {"\xC0\xAF", "\xE0\x80\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xC3", "\x80",
                          "\xFF", "\xF0\x9F\x94"}) {
    CHECK_FALSE(IsUtf8(bad));
  }
}

TEST_CASE("Times parse strictly and print in one form") {
  CHECK(FormatTime(*ParseTime("2026-02-27T12:00:00Z")) == "2026-02-27T12:00:00.000000Z");
  CHECK(FormatTime(*ParseTime("2026-02-27T12:00:00.5+02:30")) == "2026-02-27T09:30:00.500000Z");
  CHECK(FormatTime(*ParseTime("2024-02-29T23:59:59.123456789Z")) == "2024-02-29T23:59:59.123456Z");
  for (const char* bad :
       {"", "2026-02-29T00:00:00Z", "2026-02-27", "2026-02-27T12:00:00", "2026-02-27 12:00:00Z",
        "2026-02-27T24:00:00Z", "2026-02-27T12:00:60Z", "2026-02-27T12:00:00.Z", "2026-02-27T12:00:00ZZ",
        "2026-13-01T00:00:00Z", "2026-02-27T12:00:00+25:00"}) {
    CAPTURE(bad);
    CHECK_FALSE(ParseTime(bad));
  }
}

TEST_CASE("UUIDs parse only in their canonical form; version 7 sorts by time") {
  CHECK(ParseUuid("0190aaaa-bbbb-7ccc-8ddd-eeeeeeeeeeee"));
  CHECK(FormatUuid(*ParseUuid("0190AAAA-BBBB-7CCC-8DDD-EEEEEEEEEEEE")) ==
        "0190aaaa-bbbb-7ccc-8ddd-eeeeeeeeeeee");
  for (const char* bad : {"", "{0190aaaa-bbbb-7ccc-8ddd-eeeeeeeeeeee}", "0190aaaabbbb7ccc8dddeeeeeeeeeeee",
                          "0190aaaa-bbbb-7ccc-8ddd-eeeeeeeeeeeg", "0190aaaa-bbbb-7ccc-8ddd-eeeeeeeeeeee "}) {
    CHECK_FALSE(ParseUuid(bad));
  }
  fakes::FakeClock clock;
  fakes::FakeRandom random;
  const Uuid first = NewUuidV7(clock, random);
  clock.Advance(std::chrono::milliseconds{1});
  const Uuid second = NewUuidV7(clock, random);
  CHECK(first < second);
  CHECK(FormatUuid(first)[14] == '7');
  for (Uuid previous = second; clock.Now() < *ParseTime("2026-03-01T12:00:00.003Z");) {
    clock.Advance(std::chrono::microseconds{1});
    const Uuid next = NewUuidV7(clock, random);
    REQUIRE(previous < next);
    previous = next;
  }
}

TEST_CASE("Secret bytes wipe what they shorten and compare in full") {
  SecretBytes secret{std::string_view("correct horse")};
  const uint8_t* memory = secret.data();
  secret.Truncate(7);
  CHECK(secret.Text() == "correct");
  CHECK(memory[8] == 0);
  CHECK(secret == SecretBytes{std::string_view("correct")});
  CHECK_FALSE(secret == SecretBytes{std::string_view("correcT")});
}
