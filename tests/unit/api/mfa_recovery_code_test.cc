#include <doctest/doctest.h>

#include <set>

#include "api/mfa/recovery_code.h"
#include "tests/fakes/fake_keyring.h"
#include "tests/fakes/fake_random.h"

using namespace claviger;
using namespace claviger::api;

TEST_CASE("recovery codes are eight, different, and in the normal form") {
  fakes::FakeRandom random;
  std::set<std::string> seen;
  const auto codes = NewRecoveryCodes(random).value();
  CHECK(codes.size() == 8);
  for (const auto& code : codes) {
    const std::string text(code.Text());
    CHECK(seen.insert(text).second);
    REQUIRE(text.size() == 11);
    CHECK(text[5] == '-');
    CHECK(text.find_first_not_of("abcdefghijklmnopqrstuvwxyz234567-") == text.npos);
    CHECK(NormalizeRecoveryCode(text).value().Text() == text);
  }
}

TEST_CASE("a recovery code may be given without its hyphen and in any case") {
  for (const char* given : {"abcde-fg234", "abcdefg234", "ABCDE-FG234", "AbCdEfG234"}) {
    CHECK(NormalizeRecoveryCode(given).value().Text() == "abcde-fg234");
  }
}

TEST_CASE("what has another form is no recovery code") {
  for (const std::string_view bad : {"", "123456", "abcde-fg23", "abcde-fg2345", "abcde_fg234", "abcd-efg234",
                                     "abcde--g234", "abcde fg234", "abcde-fg231", "abcde-fg230",
                                     "abcde-fg23ä", " abcde-fg234", "abcde-fg234 ", "abcdefg234\n"}) {
    CAPTURE(bad);
    CHECK(!NormalizeRecoveryCode(bad));
  }
}

TEST_CASE("what is stored of a recovery code holds for one person and one HSM") {
  fakes::FakeKeyring keyring(1);
  fakes::FakeKeyring other(2);
  fakes::FakeRandom random;
  const UserId ann{NewUuidV7(Time{}, random)};
  const UserId bob{NewUuidV7(Time{}, random)};
  const SecretBytes code(std::string_view("abcde-fg234"));
  const auto mac = RecoveryCodeMac(keyring, ann, code).value();
  CHECK(mac.bytes.size() == 32);
  CHECK(RecoveryCodeMac(keyring, ann, code).value() == mac);
  CHECK(RecoveryCodeMac(keyring, bob, code).value() != mac);
  CHECK(RecoveryCodeMac(other, ann, code).value() != mac);
}

TEST_CASE("what is stored of a recovery code is what docs/FORMATS.md says") {
  fakes::FakeKeyring keyring;
  const UserId ann = *UserId::Parse("0190aaaa-0004-7000-8000-000000000001");
  using namespace std::string_literals;
  const std::string message = "\0\0\0\x18"s + "claviger/recovery-code/1" + "\0\0\0\x30"s +
                              "0190aaaa-0004-7000-8000-000000000001 abcde-fg234";
  CHECK(RecoveryCodeMac(keyring, ann, SecretBytes(std::string_view("abcde-fg234"))).value() ==
        keyring.Mac(AsBytes(message)).value());
}
