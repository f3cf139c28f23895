#include <doctest/doctest.h>

#include "base/bytes.h"
#include "crypto/common_passwords.h"
#include "crypto/password.h"

using namespace claviger;
using namespace claviger::crypto;

TEST_CASE("Good passwords pass the strict rule") {
  for (const char* password : {"YourSecurePassword123!", "D3mo!Passw0rd#x7", "aB3 aB3 aB3 aB3",
                               "Gr\xC3\xBC\xC3\x9F"
                               "e-aus-K0ln",
                               "Tr0ub4dor&3xyz!"}) {
    CAPTURE(password);
    CHECK(CheckPasswordRules(password, true));
    CHECK(CheckPasswordRules(password, false));
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
    const auto status = CheckPasswordRules(password, true);
    REQUIRE_FALSE(status);
    CHECK(status.error().kind == ErrorKind::kInvalid);
    CHECK(status.error().detail == reason);
    CHECK(CheckPasswordRules(password, false));
  }
}

TEST_CASE("Runs count only within one class and one direction") {
  for (const char* password :
       {"Zig-1232123-zag", "Wrap-890-xyza-1", "Mixed-9ab:12;Q-", "Same-bytes-\xC3\xA9\xC3\xA8\xC3\xAA-1"}) {
    CAPTURE(password);
    CHECK(CheckPasswordRules(password, true));
  }
}

TEST_CASE("Length and encoding are checked in both modes") {
  for (const bool strict : {false, true}) {
    CHECK(CheckPasswordRules("Sh0rt-words", strict).error().kind == ErrorKind::kInvalid);
    CHECK(CheckPasswordRules("", strict).error().kind == ErrorKind::kInvalid);
    std::string longest;
    while (longest.size() < 1024) longest += "aB3-";
    CHECK(CheckPasswordRules(longest, strict));
    CHECK(CheckPasswordRules(longest + "!", strict).error().kind == ErrorKind::kInvalid);
    CHECK(CheckPasswordRules("Invalid-Utf8-\xC3", strict).error().kind == ErrorKind::kInvalid);
  }
}

TEST_CASE("The commonest long passwords are refused in any letter case and in both modes") {
  for (const char* password :
       {"password1234", "PassWord1234", "123456789012", "qwertyuiopas", "changeme1234", "P@ssw0rd1234"}) {
    CAPTURE(password);
    CHECK(IsCommonPassword(password));
    CHECK_FALSE(CheckPasswordRules(password, false));
    CHECK_FALSE(CheckPasswordRules(password, true));
  }
  CHECK_FALSE(IsCommonPassword("password12345678"));
  CHECK_FALSE(IsCommonPassword("password123"));
}
