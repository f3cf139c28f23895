#include "crypto/password.h"

#include <argon2.h>

#include <array>

#include "crypto/phc.h"
#include "tests/fakes/fake_random.h"
#include "tests/unit/crypto/vectors.h"

using namespace claviger;
using namespace claviger::crypto;

namespace {

constexpr Argon2Cost kCheap{.memory_kib = 64, .passes = 2, .lanes = 1};

SecretBytes Password(std::string_view text) { return SecretBytes(text); }

}  // namespace

TEST_CASE("The linked Argon2 gives the tag of RFC 9106 section 5.3") {
  std::array<uint8_t, 32> password, tag;
  std::array<uint8_t, 16> salt;
  std::array<uint8_t, 8> secret;
  std::array<uint8_t, 12> data;
  password.fill(1), salt.fill(2), secret.fill(3), data.fill(4);
  argon2_context context{};
  context.out = tag.data(), context.outlen = tag.size();
  context.pwd = password.data(), context.pwdlen = password.size();
  context.salt = salt.data(), context.saltlen = salt.size();
  context.secret = secret.data(), context.secretlen = secret.size();
  context.ad = data.data(), context.adlen = data.size();
  context.t_cost = 3, context.m_cost = 32, context.lanes = 4, context.threads = 4;
  context.version = ARGON2_VERSION_13;
  REQUIRE(argon2id_ctx(&context) == ARGON2_OK);
  CHECK(HexEncode(tag) == "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659");
}

TEST_CASE("A password hash is the documented PHC string") {
  fakes::FakeRandom random(3);
  const auto hash = HashPassword(kCheap, random, Password("YourSecurePassword123!")).value();
  CHECK(hash == AsText(test::KnownAnswer("password_hash")));
}

TEST_CASE("The right password verifies, every other does not") {
  fakes::FakeRandom random;
  const auto hash = HashPassword(kCheap, random, Password("correct horse")).value();
  CHECK(VerifyPassword(hash, Password("correct horse")).value());
  for (const char* wrong : {"", "correct hors", "correct horse ", "Correct horse"}) {
    CHECK_FALSE(VerifyPassword(hash, Password(wrong)).value());
  }
  CHECK(HashPassword(kCheap, random, Password("correct horse")).value() != hash);
}

TEST_CASE("Lanes, memory and passes of the stored hash are used, not the configured ones") {
  fakes::FakeRandom random;
  for (const Argon2Cost cost : {Argon2Cost{64, 1, 4}, Argon2Cost{128, 3, 2}, Argon2Cost{1024, 1, 1}}) {
    const auto hash = HashPassword(cost, random, Password("correct horse")).value();
    CHECK(VerifyPassword(hash, Password("correct horse")).value());
  }
}

TEST_CASE("The dummy hash costs what a real one costs and fits no password") {
  fakes::FakeRandom random;
  const auto dummy = DummyHash(kCheap, random).value();
  CHECK(dummy.starts_with("$argon2id$v=19$m=64,t=2,p=1$"));
  CHECK_FALSE(VerifyPassword(dummy, Password("")).value());
  CHECK_FALSE(VerifyPassword(dummy, Password("correct horse")).value());
}

TEST_CASE("Costs out of bounds are refused before any memory is taken") {
  fakes::FakeRandom random;
  for (const Argon2Cost cost :
       {Argon2Cost{1024 * 1024 + 1, 1, 1}, Argon2Cost{64, 0, 1}, Argon2Cost{64, 17, 1}, Argon2Cost{64, 1, 0},
        Argon2Cost{1024, 1, 17}, Argon2Cost{7, 1, 1}, Argon2Cost{64, 1, 9},
        Argon2Cost{0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF}}) {
    CHECK(HashPassword(cost, random, Password("correct horse")).error().kind == ErrorKind::kInternal);
    CHECK_FALSE(DummyHash(cost, random));
  }
}

TEST_CASE("A stored hash is read back to the same text, or refused") {
  const std::string good(AsText(test::KnownAnswer("password_hash")));
  CHECK(FormatPhc(*ParsePhc(good)) == good);
  const auto with = [&](std::string_view from, std::string_view to) {
    std::string text = good;
    const size_t at = text.find(from);
    REQUIRE(at != std::string::npos);
    return text.replace(at, from.size(), to);
  };
  const std::string bad[] = {
      "",
      "$",
      good.substr(1),
      good + "=",
      good + " ",
      "\n" + good,
      with("argon2id", "argon2i"),
      with("v=19", "v=16"),
      with("m=64", "m=064"),
      with("m=64", "m=+64"),
      with("m=64", "m=64 "),
      with("m=64", "m=1048577"),
      with("m=64", "m=4294967360"),
      with("m=64", "m=99999999999999999999"),
      with("m=64", "m=7"),
      with("m=64", "m="),
      with("t=2", "t=0"),
      with("t=2", "t=17"),
      with("p=1", "p=17"),
      with("p=1", "p=9"),
      with("m=64,t=2", "t=2,m=64"),
      with(",p=1", ""),
      with("$argon2id", "$$argon2id"),
      good.substr(0, good.size() - 1),
      good.substr(0, good.rfind('$')),
      with("$m=64", "m=64"),
  };
  for (const std::string& text : bad) {
    CAPTURE(text);
    CHECK_FALSE(ParsePhc(text));
    CHECK(VerifyPassword(text, Password("x")).error().kind == ErrorKind::kIntegrity);
  }
}

TEST_CASE("Base64 of the stored hash has one spelling") {
  const std::string good(AsText(test::KnownAnswer("password_hash")));
  // The last character carries four bits of the tag and two that must be zero.
  std::string second_spelling = good;
  second_spelling.back() = static_cast<char>(second_spelling.back() + 1);
  CHECK_FALSE(ParsePhc(second_spelling));
}
