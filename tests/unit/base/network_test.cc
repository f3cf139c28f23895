#include "base/network.h"

#include <doctest/doctest.h>

#include <random>

using namespace claviger;

namespace {

IpAddress Address(std::string_view text) {
  const auto address = ParseIpAddress(text);
  REQUIRE_MESSAGE(address, text);
  return *address;
}

Network Net(std::string_view text) {
  const auto network = ParseNetwork(text);
  REQUIRE_MESSAGE(network, text);
  return *network;
}

// The definition, bit by bit: the same family, and the first `prefix` bits alike.
bool SharesPrefix(const IpAddress& a, const IpAddress& b, int prefix) {
  if (a.family != b.family) return false;
  for (int bit = 0; bit < prefix; ++bit) {
    if (((a.bytes[bit / 8] ^ b.bytes[bit / 8]) & 0x80 >> bit % 8) != 0) return false;
  }
  return true;
}

class Dice {
 public:
  int Below(int bound) { return static_cast<int>(engine_() % static_cast<unsigned>(bound)); }
  IpAddress SomeAddress(uint8_t family) {
    IpAddress address{family, {}};
    for (int i = 0; i < (family == 4 ? 4 : 16); ++i) address.bytes[i] = static_cast<uint8_t>(engine_());
    return address;
  }
  // One bit of it at most is different.
  IpAddress Neighbour(IpAddress address, int bits) {
    const int bit = Below(bits + 1);
    if (bit < bits) address.bytes[bit / 8] ^= static_cast<uint8_t>(0x80 >> bit % 8);
    return address;
  }

 private:
  std::mt19937 engine_{20260227};
};

IpAddress WithoutHostBits(IpAddress address, int prefix) {
  for (int bit = prefix; bit < (address.family == 4 ? 32 : 128); ++bit) {
    address.bytes[bit / 8] &= static_cast<uint8_t>(~(0x80 >> bit % 8));
  }
  return address;
}

}  // namespace

TEST_CASE("an address has one form, whatever way it was written") {
  CHECK(Address("192.0.2.7").ToString() == "192.0.2.7");
  CHECK(Address("2001:DB8:0:0::0001").ToString() == "2001:db8::1");
  CHECK(Address("::ffff:192.0.2.7") == Address("192.0.2.7"));
  CHECK(Address("::FFFF:c000:207") == Address("192.0.2.7"));
  CHECK(Address("0:0:0:0:0:ffff:192.0.2.7") == Address("192.0.2.7"));
  // Other ways to carry IPv4 within IPv6 are addresses of their own.
  CHECK(Address("::192.0.2.7") != Address("192.0.2.7"));
  CHECK(Address("64:ff9b::192.0.2.7") != Address("192.0.2.7"));
}

TEST_CASE("what is not exactly an address is refused") {
  using namespace std::string_view_literals;
  for (const std::string_view text : {""sv,
                                      " "sv,
                                      "unix"sv,
                                      "1"sv,
                                      "1.2.3"sv,
                                      "1.2.3.4.5"sv,
                                      "1.2.3.256"sv,
                                      "01.2.3.4"sv,
                                      "1.2.3.4 "sv,
                                      " 1.2.3.4"sv,
                                      "1.2.3.4:80"sv,
                                      "0x7f.0.0.1"sv,
                                      "127.1"sv,
                                      "2130706433"sv,
                                      "1.2.3.4\0"sv,
                                      "1.2.3.4\0.5"sv,
                                      "1.2.3.-4"sv,
                                      "+1.2.3.4"sv,
                                      ":"sv,
                                      ":::"sv,
                                      "1::2::3"sv,
                                      "1:2:3:4:5:6:7"sv,
                                      "1:2:3:4:5:6:7:8:9"sv,
                                      "12345::"sv,
                                      "g::"sv,
                                      "[::1]"sv,
                                      "::1%lo"sv,
                                      "fe80::1%1"sv,
                                      "::1 "sv,
                                      "::ffff:1.2.3"sv,
                                      "::1.2.3.4.5"sv,
                                      "1.2.3.4/32"sv,
                                      "\xD9\xA1.2.3.4"sv}) {
    CAPTURE(text);
    CHECK_FALSE(ParseIpAddress(text));
  }
}

TEST_CASE("loopback is 127/8 and ::1, mapped or not") {
  for (const char* text : {"127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1"})
    CHECK(Address(text).IsLoopback());
  for (const char* text : {"126.0.0.1", "128.0.0.1", "::", "::2", "::127.0.0.1", "7f00::1"})
    CHECK_FALSE(Address(text).IsLoopback());
}

TEST_CASE("a network's edges are exact") {
  CHECK(Net("10.0.0.0/8").Contains(Address("10.255.255.255")));
  CHECK_FALSE(Net("10.0.0.0/8").Contains(Address("11.0.0.0")));
  CHECK_FALSE(Net("10.0.0.0/8").Contains(Address("9.255.255.255")));
  CHECK(Net("2001:db8::/33").Contains(Address("2001:db8:7fff::1")));
  CHECK_FALSE(Net("2001:db8::/33").Contains(Address("2001:db8:8000::")));
  for (const char* text : {"192.0.2.7", "192.0.2.7/32"})
    CHECK(Net(text) == Network{Address("192.0.2.7"), Address("192.0.2.7")});
  for (const char* text : {"2001:db8::7", "2001:db8::7/128"})
    CHECK(Net(text) == Network{Address("2001:db8::7"), Address("2001:db8::7")});
}

TEST_CASE("all of a family is not the other one") {
  CHECK(Net("0.0.0.0/0").IsWholeFamily());
  CHECK(Net("::/0").IsWholeFamily());
  CHECK_FALSE(Net("0.0.0.0/1").IsWholeFamily());
  CHECK_FALSE(Net("128.0.0.0/1").IsWholeFamily());
  CHECK(Net("0.0.0.0/0").Contains(Address("255.255.255.255")));
  CHECK_FALSE(Net("0.0.0.0/0").Contains(Address("::")));
  CHECK(Net("::/0").Contains(Address("ffff::")));
  CHECK_FALSE(Net("::/0").Contains(Address("192.0.2.7")));
  CHECK_FALSE(Net("::/0").Contains(Address("::ffff:192.0.2.7")));
}

TEST_CASE("a network of mapped addresses is one of IPv4") {
  CHECK(Net("::ffff:10.0.0.0/104") == Net("10.0.0.0/8"));
  CHECK(Net("::ffff:0:0/96") == Net("0.0.0.0/0"));
  CHECK(Net("::ffff:192.0.2.7") == Net("192.0.2.7"));
  for (const char* text : {"::ffff:0:0/95", "::ffff:0:0/0", "::ffff:10.0.0.0/8", "::ffff:10.0.0.0/129"}) {
    CAPTURE(text);
    CHECK_FALSE(ParseNetwork(text));
  }
}

TEST_CASE("what is not exactly a network is refused, and so are bits beyond the prefix") {
  using namespace std::string_view_literals;
  for (const std::string_view text : {""sv,
                                      "/"sv,
                                      "/8"sv,
                                      "10.0.0.0/"sv,
                                      "10.0.0.0/33"sv,
                                      "::/129"sv,
                                      "10.0.0.0/08"sv,
                                      "10.0.0.0/ 8"sv,
                                      "10.0.0.0/+8"sv,
                                      "10.0.0.0/-1"sv,
                                      "10.0.0.0/8 "sv,
                                      "10.0.0.0/8/8"sv,
                                      "10.0.0.0/255.0.0.0"sv,
                                      "10.0.0.0/8\0"sv,
                                      "10/8"sv,
                                      "10.0.0.0/99999999999999"sv,
                                      "10.0.0.1/8"sv,
                                      "0.0.0.1/0"sv,
                                      "10.0.0.1/31"sv,
                                      "2001:db8::1/64"sv,
                                      "::1/127"sv,
                                      "::1/0"sv,
                                      "fe80::%1/64"sv,
                                      "[::]/0"sv,
                                      "10.0.0.0-10.0.0.9"sv,
                                      "*"sv}) {
    CAPTURE(text);
    CHECK_FALSE(ParseNetwork(text));
  }
}

TEST_CASE("an address is in a network exactly if it begins with the network's prefix") {
  Dice dice;
  for (int round = 0; round < 20000; ++round) {
    const auto family = static_cast<uint8_t>(dice.Below(2) == 0 ? 4 : 6);
    const int bits = family == 4 ? 32 : 128;
    const int prefix = dice.Below(bits + 1);
    const IpAddress base = WithoutHostBits(dice.SomeAddress(family), prefix);
    const Network network = Net(base.ToString() + "/" + std::to_string(prefix));
    const IpAddress near = dice.Neighbour(dice.Below(2) == 0 ? network.first : network.last, bits);
    for (const IpAddress& address : {near, dice.SomeAddress(4), dice.SomeAddress(6)}) {
      CAPTURE(address.ToString());
      CHECK(network.Contains(address) == SharesPrefix(base, address, prefix));
    }
    CHECK(Address(near.ToString()) == near);
    if (near != WithoutHostBits(near, prefix)) {
      CHECK_FALSE(ParseNetwork(near.ToString() + "/" + std::to_string(prefix)));
    }
    if (family == 4) {
      CHECK(Net("::ffff:" + base.ToString() + "/" + std::to_string(prefix + 96)) == network);
      CHECK(Address("::ffff:" + near.ToString()) == near);
    }
  }
}
