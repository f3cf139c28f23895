#include "tests/unit/crypto/samples.h"
#include "tests/unit/crypto/vectors.h"

using namespace claviger;
using namespace claviger::crypto;
using namespace claviger::test;

namespace {

// Not a constant: doctest cannot report from outside of a test.
const std::string& Token() {
  static const std::string token(AsText(KnownAnswer("token")));
  return token;
}

bool Accepts(std::string_view token) {
  static const TokenVerifier verifier(
      kIssuer, {{"claviger-token-v1", SignatureAlgorithm::kEdDsa, KnownAnswer("token_public_key")}});
  return verifier.Verify(token, AfterIssue(0)).has_value();
}

}  // namespace

TEST_CASE("A token with any bit flipped is refused") {
  REQUIRE(Accepts(Token()));
  for (size_t bit = 0; bit < Token().size() * 8; ++bit) {
    std::string edited = Token();
    edited[bit / 8] = static_cast<char>(edited[bit / 8] ^ (1 << (bit % 8)));
    CAPTURE(bit);
    CHECK_FALSE(Accepts(edited));
  }
}

TEST_CASE("A token cut anywhere or with any byte left out is refused") {
  for (size_t at = 0; at < Token().size(); ++at) {
    CHECK_FALSE(Accepts(std::string_view(Token()).substr(0, at)));
    std::string shorter = Token();
    shorter.erase(at, 1);
    CHECK_FALSE(Accepts(shorter));
  }
}

TEST_CASE("A token with anything before, behind or between is refused") {
  for (const char* extra : {" ", "\n", "=", ".", "A", "\t", "%20"}) {
    CHECK_FALSE(Accepts(Token() + extra));
    CHECK_FALSE(Accepts(extra + Token()));
    for (size_t dot = Token().find('.'); dot != std::string::npos; dot = Token().find('.', dot + 1)) {
      std::string edited = Token();
      CHECK_FALSE(Accepts(edited.insert(dot, extra)));
    }
  }
  CHECK_FALSE(Accepts(Token() + '\0'));
  CHECK_FALSE(Accepts(Token() + "." + Token()));
}

TEST_CASE("A second base64url spelling of a part is refused") {
  // The signature's 64 bytes leave four bits of the last character unused; they must be zero.
  std::string edited = Token();
  const std::string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const size_t index = alphabet.find(edited.back());
  REQUIRE(index % 16 == 0);
  for (size_t unused = 1; unused < 16; ++unused) {
    edited.back() = alphabet[index + unused];
    CHECK_FALSE(Accepts(edited));
  }
}

TEST_CASE("A token over 8192 bytes is refused before anything is decoded") {
  CHECK_FALSE(Accepts(std::string(kMaxTokenBytes + 1, 'A')));
  CHECK_FALSE(Accepts(std::string(10 << 20, '.')));
  CHECK_FALSE(Accepts(std::string(kMaxTokenBytes, '.')));
}
