#include "crypto/public_key.h"
#include "tests/fakes/fake_keyring.h"
#include "tests/unit/crypto/vectors.h"

using namespace claviger;
using namespace claviger::crypto;
using claviger::test::Unhex;

namespace {

struct Rfc8032Case {
  const char* public_key;
  const char* message;
  const char* signature;
};

// Section 7.1: TEST 1, 2, 3 and SHA(abc).
constexpr Rfc8032Case kRfc8032[] = {
    {"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "-",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f"
     "0595bbe24"
     "655141438e7a100b"},
    {"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2ea"
     "eb4302aee"
     "b00d291612bb0c00"},
    {"fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e"
     "9716ed28d"
     "c027beceea1ec40a"},
    {"ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d442"
     "3643ce80e"
     "2a9ac94fa54ca49f",
     "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179"
     "c138ac17a"
     "d9bef1177331a704"},
};

Bytes Key() { return Unhex(kRfc8032[1].public_key); }

}  // namespace

TEST_CASE("Ed25519 verifies the examples of RFC 8032 section 7.1") {
  for (const auto& [key, message, signature] : kRfc8032) {
    CHECK(VerifyEdDsa(Unhex(key), Unhex(message), Unhex(signature)));
  }
}

TEST_CASE("Ed25519 agrees with every case of Project Wycheproof") {
  const auto cases = test::ReadCases("ed25519.vec");
  CHECK(cases.size() == 151);
  for (const auto& fields : cases) {
    CAPTURE(fields.at(0));
    CHECK(VerifyEdDsa(Unhex(fields.at(2)), Unhex(fields.at(3)), Unhex(fields.at(4))) ==
          (fields.at(1) == "valid"));
  }
}

TEST_CASE("The signed example of RFC 8037 appendix A.4 verifies") {
  const auto key = Base64UrlDecode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
  REQUIRE(key);
  const auto signature = Base64UrlDecode(
      "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg");
  REQUIRE(signature);
  CHECK(VerifyEdDsa(*key, AsBytes("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"), *signature));
}

TEST_CASE("A signature with S + L instead of S is refused") {
  // L = 2^252 + 27742317777372353535851937790883648493, little-endian.
  const Bytes order = Unhex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
  Bytes signature = Unhex(kRfc8032[1].signature);
  REQUIRE(VerifyEdDsa(Key(), Unhex("72"), signature));
  unsigned carry = 0;
  for (size_t i = 0; i < 32; ++i) {
    carry += signature[32 + i] + unsigned{order[i]};
    signature[32 + i] = static_cast<uint8_t>(carry);
    carry >>= 8;
  }
  REQUIRE(carry == 0);
  CHECK_FALSE(VerifyEdDsa(Key(), Unhex("72"), signature));
}

TEST_CASE("Ed25519 keys of small order and non-canonical keys are refused") {
  const char* bad[] = {
      "0000000000000000000000000000000000000000000000000000000000000000",
      "0000000000000000000000000000000000000000000000000000000000000080",
      "0100000000000000000000000000000000000000000000000000000000000000",
      "0100000000000000000000000000000000000000000000000000000000000080",
      "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
      "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
      "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
      "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
      "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
      "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",  // p
      "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",  // p + 1
      "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
      "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
  };
  for (const char* key : bad) {
    CAPTURE(key);
    CHECK_FALSE(IsSound({"k", SignatureAlgorithm::kEdDsa, Unhex(key)}));
  }
  CHECK(IsSound({"k", SignatureAlgorithm::kEdDsa, Key()}));
  CHECK_FALSE(IsSound({"k", SignatureAlgorithm::kEdDsa, Bytes(31, 7)}));
  CHECK_FALSE(IsSound({"k", SignatureAlgorithm::kEdDsa, {}}));
}

TEST_CASE("The signature that fits every message under the identity key is refused") {
  // R = identity, S = 0 satisfies the verification equation for any message when the key is the identity.
  Bytes identity(32), signature(64);
  identity[0] = signature[0] = 1;
  CHECK_FALSE(VerifyEdDsa(identity, AsBytes("anything"), signature));
}

TEST_CASE("Signatures with any bit flipped, cut or lengthened are refused") {
  for (const auto algorithm : {SignatureAlgorithm::kEdDsa, SignatureAlgorithm::kEs256}) {
    fakes::FakeKeyring keyring(7, algorithm);
    const PublicKey key = keyring.PublicKeys(SigningKey::kToken).value().front();
    const Bytes signature = keyring.Sign(SigningKey::kToken, AsBytes("message")).value().bytes;
    REQUIRE(VerifySignature(key, AsBytes("message"), signature));
    CHECK_FALSE(VerifySignature(key, AsBytes("messagf"), signature));
    CHECK_FALSE(VerifySignature(key, {}, signature));
    for (size_t bit = 0; bit < signature.size() * 8; ++bit) {
      Bytes edited = signature;
      edited[bit / 8] ^= static_cast<uint8_t>(1U << (bit % 8));
      CHECK_FALSE(VerifySignature(key, AsBytes("message"), edited));
    }
    Bytes longer = signature;
    longer.push_back(0);
    CHECK_FALSE(VerifySignature(key, AsBytes("message"), longer));
    CHECK_FALSE(VerifySignature(key, AsBytes("message"), ByteView(signature).first(63)));
    CHECK_FALSE(VerifySignature(key, AsBytes("message"), {}));
    CHECK_FALSE(VerifySignature(key, AsBytes("message"), Bytes(64)));
  }
}

TEST_CASE("A P-256 key must be an uncompressed point on the curve") {
  fakes::FakeKeyring keyring(7, SignatureAlgorithm::kEs256);
  const Bytes good = keyring.PublicKeys(SigningKey::kToken).value().front().raw;
  const auto sound = [](Bytes raw) { return IsSound({"k", SignatureAlgorithm::kEs256, std::move(raw)}); };
  CHECK(sound(good));
  Bytes off_curve = good, hybrid = good, compressed(good.begin(), good.begin() + 33);
  off_curve.back() ^= 1;
  hybrid.front() = good.back() % 2 == 0 ? 0x06 : 0x07;
  compressed.front() = good.back() % 2 == 0 ? 0x02 : 0x03;
  CHECK_FALSE(sound(off_curve));
  CHECK_FALSE(sound(hybrid));
  CHECK_FALSE(sound(compressed));
  CHECK_FALSE(sound({}));
  CHECK_FALSE(sound({0x00}));  // the point at infinity
}

TEST_CASE("RS256 agrees with every case of Project Wycheproof") {
  Bytes modulus;
  Bytes exponent;
  size_t cases = 0;
  for (const auto& fields : test::ReadCases("rs256.vec")) {
    if (fields.at(0) == "key") {
      modulus = Unhex(fields.at(1));
      exponent = Unhex(fields.at(2));
      continue;
    }
    CAPTURE(fields.at(0));
    CHECK(VerifyRs256(modulus, exponent, Unhex(fields.at(2)), Unhex(fields.at(3))) ==
          (fields.at(1) == "valid"));
    ++cases;
  }
  CHECK(cases == 259);
}

TEST_CASE("An RSA key is refused if it is short, long, even or has a senseless exponent") {
  const auto key = test::ReadCases("rs256.vec").front();
  const Bytes modulus = Unhex(key.at(1));
  const Bytes exponent = Unhex(key.at(2));
  CHECK(LoadRsaPublicKey(modulus, exponent) != nullptr);
  CHECK(LoadRsaPublicKey({}, exponent) == nullptr);
  CHECK(LoadRsaPublicKey(modulus, {}) == nullptr);
  CHECK(LoadRsaPublicKey(modulus, Unhex("01")) == nullptr);
  CHECK(LoadRsaPublicKey(modulus, Unhex("010000")) == nullptr);
  CHECK(LoadRsaPublicKey(ByteView(modulus).first(modulus.size() - 1), exponent) == nullptr);  // 2040 bits
  Bytes even = modulus;
  even.back() &= 0xFE;
  CHECK(LoadRsaPublicKey(even, exponent) == nullptr);
  CHECK(LoadRsaPublicKey(Bytes(1025, 0xFF), exponent) == nullptr);
}
