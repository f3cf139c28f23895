#include <doctest/doctest.h>

#include "base/bytes.h"
#include "crypto/common_passwords.h"
#include "crypto/password.h"

using namespace claviger;
using namespace claviger::crypto;

namespace {

constexpr const char* kEmail = "ann.marlowe@example.org";

}  // namespace

TEST_CASE("Good passwords pass the strict rule") {
  for (const char* password : {"YourSecurePassword123!", "D3mo!Passw0rd#x7", "aB3 aB3 aB3 aB3",
                               "Gr\xC3\xBC\xC3\x9F"
                               "e-aus-K0ln",
                               "Tr0ub4dor&3xyz!"}) {
    CAPTURE(password);
    CHECK(CheckPasswordRules(password, kEmail, {true}));
    CHECK(CheckPasswordRules(password, kEmail, {false}));
  }
}

TEST_CASE("The strict rule names what is missing or repeated") {
  const std::pair<const char*, const char*> cases[] = {
      {"lower-case-0nly!", "The password needs an upper-case letter"},
      {"UPPER-CASE-0NLY!", "The password needs a lower-case letter"},
      {"No-Digits-At-All!", "The password needs a digit"},
      {"N0SpecialCharacters", "The password needs a special character"},
      {"Triple-aaa-0000x", "The password repeats a character too often in a row"},
      {"Euro-\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC-Sign5",
       "The password repeats a character too often in a row"},
      {"Rising-1234-Xy", "The password has too long a run such as 1234 or abcd"},
      {"Falling-9876-Xy", "The password has too long a run such as 1234 or abcd"},
      {"Letters-aBcD-9Xy", "The password has too long a run such as 1234 or abcd"},
      {"Letters-ZYXw-9Xq", "The password has too long a run such as 1234 or abcd"},
  };
  for (const auto& [password, reason] : cases) {
    CAPTURE(password);
    const auto status = CheckPasswordRules(password, kEmail, {true});
    REQUIRE_FALSE(status);
    CHECK(status.error().kind == ErrorKind::kInvalid);
    CHECK(status.error().detail == reason);
    CHECK(CheckPasswordRules(password, kEmail, {false}));
  }
}

TEST_CASE("Runs count only within one class and one direction") {
  for (const char* password :
       {"Zig-1232123-zag", "Wrap-890-xyza-1", "Mixed-9ab:12;Q-", "Same-bytes-\xC3\xA9\xC3\xA8\xC3\xAA-1"}) {
    CAPTURE(password);
    CHECK(CheckPasswordRules(password, kEmail, {true}));
  }
}

TEST_CASE("Length and encoding are checked in both modes") {
  for (const bool strict : {false, true}) {
    CHECK(CheckPasswordRules("Sh0rt-words", kEmail, {strict}).error().kind == ErrorKind::kInvalid);
    CHECK(CheckPasswordRules("", kEmail, {strict}).error().kind == ErrorKind::kInvalid);
    std::string longest;
    while (longest.size() < 1024) longest += "aB3-";
    CHECK(CheckPasswordRules(longest, kEmail, {strict}));
    CHECK(CheckPasswordRules(longest + "!", kEmail, {strict}).error().kind == ErrorKind::kInvalid);
    CHECK(CheckPasswordRules("Invalid-Utf8-\xC3", kEmail, {strict}).error().kind == ErrorKind::kInvalid);
  }
}

TEST_CASE("The commonest long passwords are refused in any letter case and in both modes") {
  for (const char* password :
       {"password1234", "PassWord1234", "123456789012", "qwertyuiopas", "changeme1234", "P@ssw0rd1234"}) {
    CAPTURE(password);
    CHECK(IsCommonPassword(password));
    CHECK_FALSE(CheckPasswordRules(password, kEmail, {false}));
    CHECK_FALSE(CheckPasswordRules(password, kEmail, {true}));
  }
  CHECK_FALSE(IsCommonPassword("password12345678"));
  CHECK_FALSE(IsCommonPassword("password123"));
}

TEST_CASE("Characters are counted, not bytes") {
  const std::string four = "\xF0\x9F\x94\x91";  // one character of four bytes
  std::string text;
  for (int i = 0; i < 11; ++i) text += four;
  CHECK_FALSE(CheckPasswordRules(text, kEmail, {false}));
  CHECK(CheckPasswordRules(text + four, kEmail, {false}));
}

TEST_CASE("Common words in disguise and words of one's own address are refused in both modes") {
  for (const char* password : {"Password2026!", "P@$$w0rd2026!!", "passwordpassword!", "Welcome-Admin1",
                               "12345password12345", "Claviger2026!", "Qwerty-Letmein-1",
                               "ann.marlowe@example.org", "Marlowe-2026!", "M4rl0we-Ex4mple!"}) {
    CAPTURE(password);
    CHECK_FALSE(CheckPasswordRules(password, kEmail, {false}));
    CHECK_FALSE(CheckPasswordRules(password, kEmail, {true}));
  }
}

TEST_CASE("A common word does not spoil a password that has enough besides") {
  for (const char* password : {"YourSecurePassword123!", "password-of-the-lighthouse",
                               "Marlowe-walks-by-night-7", "84619273-password"}) {
    CAPTURE(password);
    CHECK(CheckPasswordRules(password, kEmail, {false}));
  }
  CHECK(CheckPasswordRules("Marlowe-2026!", "bob@example.com", {false}));
  CHECK(CheckPasswordRules("Marlowe-2026!", "", {false}));
}

TEST_CASE("A blocklist refuses its lines in any letter case, and nothing else") {
  const PasswordBlocklist blocklist(
      "Harbour-Lights-At-Noon\r\n\nshort\nTies\n\xFF\xFE not UTF-8\nlast-Line-Without-End");
  for (const char* password : {"harbour-lights-at-noon", "HARBOUR-Lights-At-Noon", "last-line-without-end",
                               "short", "\xFF\xFE NOT utf-8"}) {
    CAPTURE(password);
    CHECK(blocklist.Contains(password));
  }
  for (const char* password :
       {"", "harbour-lights-at-noo", "harbour-lights-at-noon!", "harbour-lights-at-noon\r", "\n"}) {
    CAPTURE(password);
    CHECK_FALSE(blocklist.Contains(password));
  }
  CHECK_FALSE(PasswordBlocklist().Contains(""));
  CHECK_FALSE(PasswordBlocklist("\n\r\n").Contains(""));
}

TEST_CASE("Every line of a long blocklist is found") {
  std::string text;
  for (int i = 0; i < 1000; ++i)
    text += (i % 2 == 0 ? "Word-" : "word-") + std::to_string(i * 7919 % 1000) + "\n";
  const PasswordBlocklist blocklist(text);
  for (int i = 0; i < 1000; ++i) CHECK(blocklist.Contains("WORD-" + std::to_string(i)));
  CHECK_FALSE(blocklist.Contains("word-1000"));
}

TEST_CASE("The blocklist is asked in both modes") {
  const PasswordBlocklist blocklist("Harbour-Lights-At-Noon-7");
  for (const bool strict : {false, true}) {
    const auto status = CheckPasswordRules("harbour-Lights-at-noon-7", kEmail, {strict, &blocklist});
    REQUIRE_FALSE(status);
    CHECK(status.error().kind == ErrorKind::kInvalid);
    CHECK(status.error().detail == "The password is on this server's list of refused ones");
    CHECK(CheckPasswordRules("harbour-Lights-at-noon-8", kEmail, {strict, &blocklist}));
  }
}
