#include "crypto/envelope.h"
#include "tests/fakes/fake_random.h"
#include "tests/unit/crypto/vectors.h"

using namespace claviger;
using namespace claviger::crypto;
using claviger::test::Unhex;

namespace {

// Gives out prepared bytes, for vectors that name their IV.
class GivenRandom final : public Random {
 public:
  explicit GivenRandom(Bytes bytes) : bytes_(std::move(bytes)) {}
  void Fill(std::span<uint8_t> out) override {
    REQUIRE(out.size() == bytes_.size());
    std::copy(bytes_.begin(), bytes_.end(), out.begin());
  }

 private:
  Bytes bytes_;
};

Bytes Join(const Bytes& a, const Bytes& b, const Bytes& c) {
  Bytes out = a;
  out.insert(out.end(), b.begin(), b.end());
  out.insert(out.end(), c.begin(), c.end());
  return out;
}

const Bytes kKey(32, 0x42);

}  // namespace

TEST_CASE("AES-256-GCM agrees with every case of Project Wycheproof") {
  const auto cases = test::ReadCases("aes_256_gcm.vec");
  CHECK(cases.size() == 66);
  for (const auto& fields : cases) {
    CAPTURE(fields.at(0));
    const bool valid = fields.at(1) == "valid";
    const Bytes key = Unhex(fields.at(2)), iv = Unhex(fields.at(3)), aad = Unhex(fields.at(4));
    const Bytes plaintext = Unhex(fields.at(5));
    const Bytes sealed = Join(iv, Unhex(fields.at(6)), Unhex(fields.at(7)));
    const auto opened = AeadOpen(key, aad, sealed);
    REQUIRE(opened.has_value() == valid);
    GivenRandom random(iv);
    const Bytes ours = AeadSeal(key, random, aad, plaintext).value();
    CHECK((ours == sealed) == valid);
    if (valid) {
      CHECK(AsText(opened.value().View()) == AsText(plaintext));
    } else {
      CHECK(opened.error().kind == ErrorKind::kIntegrity);
    }
  }
}

TEST_CASE("What was sealed opens at every size") {
  fakes::FakeRandom random;
  for (const size_t size : {0, 1, 15, 16, 17, 4096, 5 * 1024 * 1024}) {
    Bytes plaintext(size);
    random.Fill(plaintext);
    const Bytes sealed = AeadSeal(kKey, random, AsBytes("aad"), plaintext).value();
    CHECK(sealed.size() == size + 28);
    CHECK(AeadOpen(kKey, AsBytes("aad"), sealed).value().View().size() == size);
    CHECK(EqualConstantTime(AeadOpen(kKey, AsBytes("aad"), sealed).value().View(), plaintext));
  }
}

TEST_CASE("Sealed bytes with any bit flipped, cut or lengthened do not open") {
  fakes::FakeRandom random;
  const Bytes sealed = AeadSeal(kKey, random, AsBytes("aad"), AsBytes("correct horse")).value();
  for (size_t bit = 0; bit < sealed.size() * 8; ++bit) {
    Bytes edited = sealed;
    edited[bit / 8] ^= static_cast<uint8_t>(1U << (bit % 8));
    CHECK(AeadOpen(kKey, AsBytes("aad"), edited).error().kind == ErrorKind::kIntegrity);
  }
  for (size_t size = 0; size < sealed.size(); ++size) {
    CHECK(AeadOpen(kKey, AsBytes("aad"), ByteView(sealed).first(size)).error().kind == ErrorKind::kIntegrity);
  }
  Bytes longer = sealed;
  longer.push_back(0);
  CHECK(AeadOpen(kKey, AsBytes("aad"), longer).error().kind == ErrorKind::kIntegrity);
}

TEST_CASE("Another key or AAD does not open") {
  fakes::FakeRandom random;
  const Bytes sealed = AeadSeal(kKey, random, AsBytes("aad"), AsBytes("correct horse")).value();
  for (const char* aad : {"", "aa", "aae", "aad "}) {
    CHECK(AeadOpen(kKey, AsBytes(aad), sealed).error().kind == ErrorKind::kIntegrity);
  }
  CHECK(AeadOpen(Bytes(32, 0x43), AsBytes("aad"), sealed).error().kind == ErrorKind::kIntegrity);
}

TEST_CASE("Keys of another size than 32 bytes are refused") {
  fakes::FakeRandom random;
  for (const size_t size : {0, 16, 31, 33}) {
    CHECK(AeadSeal(Bytes(size), random, {}, {}).error().kind == ErrorKind::kInternal);
    CHECK(AeadOpen(Bytes(size), {}, Bytes(28)).error().kind == ErrorKind::kInternal);
  }
}

TEST_CASE("Each seal draws a fresh IV") {
  fakes::FakeRandom random;
  const Bytes first = AeadSeal(kKey, random, {}, AsBytes("same")).value();
  const Bytes second = AeadSeal(kKey, random, {}, AsBytes("same")).value();
  CHECK(Bytes(first.begin(), first.begin() + 12) != Bytes(second.begin(), second.begin() + 12));
}
