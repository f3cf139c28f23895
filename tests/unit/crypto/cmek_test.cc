#include "crypto/cmek.h"

#include "tests/fakes/fake_random.h"
#include "tests/unit/crypto/vectors.h"

using namespace claviger;
using namespace claviger::crypto;
using namespace claviger::test;

namespace {

std::string KnownText(const std::string& name) { return std::string(AsText(KnownAnswer(name))); }

CmekKey KnownKey() { return *CmekKey::Parse(KnownText("cmek_key")); }

std::string SealedBy(const CmekKey& key, std::string_view value) {
  fakes::FakeRandom random(5);
  return std::string(key.Seal(random, AsBytes(value)).value().Text());
}

}  // namespace

TEST_CASE("A customer-managed key, its fingerprint and a blob are the documented ones") {
  const CmekKey key = KnownKey();
  CHECK(key.Text().Text() == KnownText("cmek_key"));
  CHECK(HexEncode(key.Fingerprint()) == KnownText("cmek_fingerprint"));
  CHECK(SealedBy(key, "correct horse") == KnownText("cmek_blob"));
  CHECK(key.Open(KnownText("cmek_blob")).value().Text() == "correct horse");
  fakes::FakeRandom random(4);
  CHECK(CmekKey::Generate(random).Text() == key.Text());
}

TEST_CASE("A blob opens with its own key alone, and no bit of it may change") {
  const CmekKey key = KnownKey();
  fakes::FakeRandom random(6);
  const CmekKey other = CmekKey::Generate(random);
  for (const std::string& value : {std::string(), std::string("x"), std::string(1 << 20, 'x')}) {
    const std::string blob = SealedBy(key, value);
    CHECK(IsCmekBlob(blob));
    CHECK(key.Open(blob).value().Text() == value);
    CHECK(other.Open(blob).error().kind == ErrorKind::kIntegrity);
  }
  const Bytes blob = *Base64Decode(KnownText("cmek_blob"));
  for (size_t bit = 0; bit < 8 * blob.size(); ++bit) {
    Bytes changed = blob;
    changed[bit / 8] ^= static_cast<uint8_t>(1U << (bit % 8));
    CHECK(key.Open(Base64Encode(changed)).error().kind == ErrorKind::kIntegrity);
  }
}

TEST_CASE("What has not the form of a blob is none") {
  const Bytes blob = *Base64Decode(SealedBy(KnownKey(), ""));
  CHECK(blob.size() == 29);
  const std::string good = Base64Encode(blob);
  Bytes version_2 = blob;
  version_2[0] = 2;
  for (const std::string& value :
       {std::string(), std::string("plain"), good + "\n", " " + good, good.substr(1), good + "=",
        Base64Encode(ByteView(blob).first(28)), Base64UrlEncode(Bytes{1, 0xFF, 0xFF}), HexEncode(blob),
        Base64Encode(version_2)}) {
    CAPTURE(value);
    CHECK(!IsCmekBlob(value));
    CHECK(KnownKey().Open(value).error().kind == ErrorKind::kIntegrity);
  }
}

TEST_CASE("A key is base64 of 32 bytes, and nothing else is one") {
  for (const std::string& text :
       {std::string(), std::string("key"), Base64Encode(Bytes(31)), Base64Encode(Bytes(33)),
        HexEncode(Bytes(32)), Base64UrlEncode(Bytes(32)), Base64Encode(Bytes(32)) + "\n"}) {
    CAPTURE(text);
    CHECK(!CmekKey::Parse(text));
  }
  CHECK(CmekKey::Parse(Base64Encode(Bytes(32))));
}

TEST_CASE("A fingerprint is read in either case") {
  const std::string hex = KnownText("cmek_fingerprint");
  std::string upper = hex;
  for (char& c : upper) c = static_cast<char>(std::toupper(c));
  CHECK(ParseFingerprint(hex) == KnownKey().Fingerprint());
  CHECK(ParseFingerprint(upper) == KnownKey().Fingerprint());
  for (const std::string& text :
       {std::string(), hex.substr(2), hex + "00", hex.substr(1), "g" + hex.substr(1)}) {
    CAPTURE(text);
    CHECK(!ParseFingerprint(text));
  }
}
