#include "crypto/identity_keys.h"

#include <doctest/doctest.h>

#include "crypto/public_key.h"
#include "tests/fakes/fake_random.h"

using namespace claviger;
using namespace claviger::crypto;

namespace {

// Its first draws are no scalars of P-256: zero, and a number above the order of the group.
class AwkwardRandom final : public Random {
 public:
  void Fill(std::span<uint8_t> out) override {
    ++draws;
    if (draws <= 2) {
      std::fill(out.begin(), out.end(), draws == 1 ? 0x00 : 0xFF);
    } else {
      random_.Fill(out);
    }
  }
  int draws = 0;

 private:
  fakes::FakeRandom random_;
};

// RFC 8032 section 7.1, test 2.
class KnownSeed final : public Random {
 public:
  void Fill(std::span<uint8_t> out) override {
    const Bytes seed = *HexDecode("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
    std::copy(seed.begin(), seed.end(), out.begin());
  }
};

// RFC 5903 section 8.1: the initiator's pair.
class KnownScalar final : public Random {
 public:
  void Fill(std::span<uint8_t> out) override {
    const Bytes scalar = *HexDecode("c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433");
    std::copy(scalar.begin(), scalar.end(), out.begin());
  }
};

}  // namespace

TEST_CASE("an Ed25519 pair is that of its seed") {
  KnownSeed random;
  const auto pair = GenerateEd25519(random).value();
  CHECK(HexEncode(pair.public_key) == "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  CHECK(HexEncode(pair.private_key.View()) ==
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
}

TEST_CASE("a P-256 pair is that of its scalar") {
  KnownScalar random;
  const auto pair = GenerateP256(random).value();
  CHECK(HexEncode(pair.public_key) ==
        "04dad0b65394221cf9b051e1feca5787d098dfe637fc90b9ef945d0c37725811805271a0461cdb8252d61f1c456fa3e59ab1"
        "f45b33"
        "accf5f58389e0577b8990bb3");
}

TEST_CASE("what is no scalar of P-256 is drawn again") {
  AwkwardRandom random;
  const auto pair = GenerateP256(random).value();
  CHECK(random.draws == 3);
  CHECK(LoadPublicKey(SignatureAlgorithm::kEs256, pair.public_key) != nullptr);
}

TEST_CASE("no two pairs are alike") {
  fakes::FakeRandom random;
  CHECK(GenerateEd25519(random).value().public_key != GenerateEd25519(random).value().public_key);
  CHECK(GenerateP256(random).value().public_key != GenerateP256(random).value().public_key);
}
