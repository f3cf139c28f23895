// RAND_set_rand_method stands for what a PKCS#11 module may do to the process.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/rand.h>

#include <array>
#include <set>

#include "crypto/canonical.h"
#include "crypto/digest.h"
#include "crypto/random.h"
#include "tests/unit/crypto/vectors.h"

using namespace claviger;
using namespace claviger::crypto;

TEST_CASE("SHA-256 gives the digests of FIPS 180-4's examples") {
  CHECK(HexEncode(Sha256({})) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(HexEncode(Sha256(AsBytes("abc"))) ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(HexEncode(Sha256(Bytes(1000000, 'a'))) ==
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("The canonical encoding writes each field behind its length") {
  const Bytes bytes = CanonicalWriter("t/1").Field("ab").Field(uint64_t{0x0102}).Field(ByteView{}).Take();
  CHECK(HexEncode(bytes) ==
        "00000003"
        "742f31"
        "00000002"
        "6162"
        "00000008"
        "0000000000000102"
        "00000000");
}

TEST_CASE("No two field lists share a canonical encoding") {
  std::set<Bytes> seen;
  const auto add = [&](const CanonicalWriter& writer) { CHECK(seen.insert(writer.bytes()).second); };
  add(CanonicalWriter("t").Field("ab").Field("c"));
  add(CanonicalWriter("t").Field("a").Field("bc"));
  add(CanonicalWriter("t").Field("abc"));
  add(CanonicalWriter("t").Field("abc").Field(""));
  add(CanonicalWriter("t").Field("").Field("abc"));
  add(CanonicalWriter("tabc"));
  add(CanonicalWriter("t").Field(std::string_view("abc\0\0\0\0", 7)));
}

TEST_CASE("The system's randomness fills completely and does not repeat") {
  SystemRandom random;
  std::set<Bytes> seen;
  for (const size_t size : {16, 17, 64, 1000}) {
    for (int i = 0; i < 50; ++i) {
      Bytes bytes(size);
      random.Fill(bytes);
      CHECK(seen.insert(bytes).second);
      // A filled buffer ends in zeros only with probability 2^-64.
      CHECK(Bytes(bytes.end() - 8, bytes.end()) != Bytes(8));
    }
  }
  random.Fill({});
}

TEST_CASE("The system's randomness takes the place of another method and notices one") {
  RAND_METHOD other{};
  RAND_set_rand_method(&other);
  CHECK_FALSE(SystemRandom::IsPinned());
  SystemRandom random;
  CHECK(SystemRandom::IsPinned());
}
