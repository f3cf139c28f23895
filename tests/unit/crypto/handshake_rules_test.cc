#include "crypto/handshake_rules.h"

#include <doctest/doctest.h>

#include "crypto/keyring.h"
#include "tests/fakes/fake_keyring.h"

using namespace claviger;
using namespace claviger::crypto;

namespace {

Bytes Joined(std::initializer_list<Bytes> parts) {
  Bytes all;
  for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

Bytes Text(std::string_view text) { return Bytes(text.begin(), text.end()); }

Bytes CertificateVerify(size_t hash_bytes, std::string_view who = "server") {
  return Joined({Bytes(64, ' '), Text("TLS 1.3, "), Text(who), Text(" CertificateVerify"), Bytes(1),
                 Bytes(hash_bytes, 7)});
}

Bytes KeyExchange(uint8_t curve, const Bytes& point) {
  return Joined({Bytes(64, 1), {3, 0, curve, static_cast<uint8_t>(point.size())}, point});
}

Bytes P256Point() { return fakes::FakeKeyring().PublicKeys(SigningKey::kTls).value().front().raw; }

bool Allowed(const Bytes& message) { return CheckHandshakeToSign(message).has_value(); }

}  // namespace

TEST_CASE("The two forms of a server's handshake are signed") {
  CHECK(Allowed(CertificateVerify(32)));
  CHECK(Allowed(CertificateVerify(48)));
  CHECK(Allowed(KeyExchange(0x1D, Bytes(32, 9))));
  CHECK(Allowed(KeyExchange(0x17, P256Point())));
}

TEST_CASE("A CertificateVerify of a client, of another hash or changed anywhere is not signed") {
  CHECK_FALSE(Allowed(CertificateVerify(32, "client")));
  for (const size_t hash : {0, 1, 31, 33, 47, 49, 64}) CHECK_FALSE(Allowed(CertificateVerify(hash)));
  const Bytes message = CertificateVerify(32);
  for (size_t i = 0; i < message.size() - 32; ++i) {
    CAPTURE(i);
    Bytes edited = message;
    edited[i] ^= 1;
    CHECK_FALSE(Allowed(edited));
  }
}

TEST_CASE("A key exchange of another curve, length or with a point off the curve is not signed") {
  const Bytes point = P256Point();
  Bytes off = point;
  off.back() ^= 1;
  CHECK_FALSE(Allowed(KeyExchange(0x17, off)));
  CHECK_FALSE(Allowed(KeyExchange(0x18, Bytes(97, 4))));   // P-384
  CHECK_FALSE(Allowed(KeyExchange(0x19, Bytes(133, 4))));  // P-521
  CHECK_FALSE(Allowed(KeyExchange(0x17, Bytes(32, 9))));
  CHECK_FALSE(Allowed(KeyExchange(0x1D, point)));
  Bytes compressed(point.begin(), point.begin() + 33);
  compressed[0] = 2;
  CHECK_FALSE(Allowed(KeyExchange(0x17, compressed)));
  Bytes message = KeyExchange(0x17, point);
  for (size_t size = 0; size < message.size(); ++size) {
    CHECK_FALSE(CheckHandshakeToSign(ByteView(message).first(size)));
  }
  for (size_t i = 64; i < 68; ++i) {
    Bytes edited = message;
    edited[i] ^= 1;
    CHECK_FALSE(Allowed(edited));
  }
  message.push_back(0);
  CHECK_FALSE(Allowed(message));
}

// A name covers the four bytes and the key, compressed, what would be the point.
TEST_CASE("A certificate request that is fitted into a key exchange is not signed") {
  const Bytes point = P256Point();
  Bytes key = Joined({*HexDecode("3039301306072a8648ce3d020106082a8648ce3d03010703220002"),
                      Bytes(point.begin() + 1, point.begin() + 33)});
  const Bytes name = Joined({{0x30, 62, 0x31, 60, 0x30, 58, 0x06, 3, 0x55, 4, 3, 0x0C, 51}, Bytes(51, 'a')});
  Bytes request = Joined({{0x30, 0x81, 0x82, 2, 1, 0}, name, key, {0xA0, 2, 0x30, 0}});
  REQUIRE(request.size() == 64 + 4 + 65);
  REQUIRE(request[68] == 'a');
  const Bytes head{3, 0, 0x17, 65, 4};
  std::copy(head.begin(), head.end(), request.begin() + 64);
  CHECK_FALSE(Allowed(request));
}

TEST_CASE("Nothing else is signed") {
  for (const std::string_view text : {"", "eyJhbGciOiJFUzI1NiJ9.e30", "claviger/audit-checkpoint/1"}) {
    CHECK(CheckHandshakeToSign(AsBytes(text)).error().kind == ErrorKind::kInternal);
  }
  CHECK_FALSE(Allowed(Joined({Bytes(64, ' '), Text("TLS, server delegated credentials"), Bytes(100)})));
}
