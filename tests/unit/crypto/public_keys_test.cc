#include "crypto/jws.h"
#include "tests/fakes/fake_keyring.h"
#include "tests/unit/crypto/vectors.h"

using namespace claviger;
using namespace claviger::crypto;

namespace {

PublicKey KeyOf(SignatureAlgorithm algorithm) {
  return fakes::FakeKeyring(7, algorithm).PublicKeys(SigningKey::kToken).value().front();
}

constexpr const char* kRfc8037Jwk =
    R"({"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"a"}]})";

std::string Replaced(std::string text, std::string_view from, std::string_view to) {
  const size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("A key set of both algorithms is read back as it was written") {
  PublicKey second = KeyOf(SignatureAlgorithm::kEs256);
  second.kid = "claviger-token-v2";
  const std::vector<PublicKey> keys = {KeyOf(SignatureAlgorithm::kEdDsa), second};
  const auto read = ParsePublicKeys(JwksJson(keys)).value();
  REQUIRE(read.size() == 2);
  for (size_t i = 0; i < 2; ++i) {
    CHECK(read[i].kid == keys[i].kid);
    CHECK(read[i].algorithm == keys[i].algorithm);
    CHECK(read[i].raw == keys[i].raw);
  }
}

TEST_CASE("A key set has the members RFC 8037 and RFC 7517 name") {
  CHECK(JwksJson({{"k1", SignatureAlgorithm::kEdDsa,
                   test::Unhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")}}) ==
        R"({"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",)"
        R"("kid":"k1","use":"sig","alg":"EdDSA"}]})");
  CHECK(JwksJson({}) == R"({"keys":[]})");
  CHECK(JwksJson({{"weak", SignatureAlgorithm::kEdDsa, Bytes(32)}}) == R"({"keys":[]})");
}

TEST_CASE("A PEM key is read back as it was written, with an empty kid") {
  for (const auto algorithm : {SignatureAlgorithm::kEdDsa, SignatureAlgorithm::kEs256}) {
    const PublicKey key = KeyOf(algorithm);
    const std::string pem = PublicKeyPem(key).value();
    const auto read = ParsePublicKeys(pem).value();
    REQUIRE(read.size() == 1);
    CHECK(read[0].kid.empty());
    CHECK(read[0].algorithm == algorithm);
    CHECK(read[0].raw == key.raw);
    CHECK(ParsePublicKeys("\n" + pem + "\r\n" + pem).value().size() == 2);
  }
}

TEST_CASE("PEM is what other tools write") {
  // RFC 8410 section 10.1.
  const char* pem =
      "-----BEGIN PUBLIC KEY-----\n"
      "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n"
      "-----END PUBLIC KEY-----\n";
  const auto key = ParsePublicKeys(pem).value().front();
  CHECK(HexEncode(key.raw) == "19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1");
  CHECK(PublicKeyPem(key).value() == pem);
}

TEST_CASE("Key sets that are not exactly public signing keys are refused") {
  const std::string good = kRfc8037Jwk;
  CHECK(ParsePublicKeys(good));
  const std::string bad[] = {
      "",
      "  \n",
      "{}",
      R"({"keys":[]})",
      R"({"keys":{}})",
      R"({"keys":[1]})",
      R"(["keys"])",
      good + "x",
      "\xEF\xBB\xBF" + good,
      Replaced(good, R"("kid":"a")", R"("kid":"")"),
      Replaced(good, R"(,"kid":"a")", ""),
      Replaced(good, R"("kid":"a")", R"("kid":7)"),
      Replaced(good, R"("kid":"a")", R"("kid":"a","kid":"b")"),
      Replaced(good, R"("kid":"a")", R"("kid":"a","use":"enc")"),
      Replaced(good, R"("kid":"a")", R"("kid":"a","alg":"ES256")"),
      Replaced(good, R"("kid":"a")", R"("kid":"a","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")"),
      Replaced(good, "Ed25519", "Ed448"),
      Replaced(good, "OKP", "EC"),
      Replaced(good, "OKP", "oct"),
      Replaced(good, "HURo", "HURp"),  // another spelling of the same bytes
      Replaced(good, "HURo", "HURo="),
      Replaced(good, "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
               "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
      Replaced(
          good, "]}",
          R"(,{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"a"}]})"),
  };
  for (const std::string& text : bad) {
    CAPTURE(text);
    const auto keys = ParsePublicKeys(text);
    REQUIRE_FALSE(keys);
    CHECK(keys.error().kind == ErrorKind::kInvalid);
  }
}

TEST_CASE("PEM texts that are not exactly public keys are refused") {
  const std::string good = PublicKeyPem(KeyOf(SignatureAlgorithm::kEdDsa)).value();
  std::string cut = good;
  cut.erase(cut.find("-----END"));
  const std::string bad[] = {
      cut,
      "key: " + good,
      good + "trailing",
      Replaced(Replaced(good, "PUBLIC", "PRIVATE"), "PUBLIC", "PRIVATE"),
      Replaced(good, "MCow", "MCox"),
      Replaced(good, "=", ""),
      "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n",
      "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n-----END "
      "PUBLIC KEY-----\n",
      "-----BEGIN PUBLIC KEY-----\n" + std::string(2000, 'A') + "\n-----END PUBLIC KEY-----\n",
      std::string(64 * 1024 + 1, ' '),
  };
  for (const std::string& text : bad) {
    CAPTURE(text);
    const auto keys = ParsePublicKeys(text);
    REQUIRE_FALSE(keys);
    CHECK(keys.error().kind == ErrorKind::kInvalid);
  }
  CHECK_FALSE(PublicKeyPem({"weak", SignatureAlgorithm::kEdDsa, Bytes(32)}));
}
