#include <doctest/doctest.h>

#include "api/http/client_address.h"

using namespace claviger;
using namespace claviger::api::http;

namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

AddressList Trusting(std::vector<std::string> words) {
  auto proxies = AddressList::Parse(std::move(words));
  REQUIRE(proxies);
  return *std::move(proxies);
}

Headers Lines(const std::vector<std::string>& values) {
  Headers headers{{"host", "vault.example.org"}};
  for (const auto& value : values) headers.emplace_back("x-forwarded-for", value);
  return headers;
}

// The client's text, or "refused".
std::string Client(const AddressList& proxies, std::string peer, const std::vector<std::string>& lines) {
  const auto client = FindClient(proxies, PeerAddress(std::move(peer)), Lines(lines));
  return client ? client->text : "refused";
}

}  // namespace

TEST_CASE("without a trusted proxy the peer is the client, whatever it says") {
  for (const auto& proxies : {AddressList(), Trusting({"10.0.0.0/8", "unix"})}) {
    CHECK(Client(proxies, "192.0.2.7", {}) == "192.0.2.7");
    CHECK(Client(proxies, "192.0.2.7", {"203.0.113.9"}) == "192.0.2.7");
    CHECK(Client(proxies, "192.0.2.7", {"127.0.0.1", "not an address"}) == "192.0.2.7");
    CHECK(Client(proxies, "::1", {"10.0.0.1"}) == "::1");
  }
  CHECK(Client(AddressList(), "unix", {"203.0.113.9"}) == "unix");
}

TEST_CASE("behind trusted proxies the client is the rightmost address that is none of them") {
  const auto proxies = Trusting({"10.0.0.0/8", "2001:db8::1"});
  CHECK(Client(proxies, "10.0.0.1", {"203.0.113.9"}) == "203.0.113.9");
  CHECK(Client(proxies, "10.0.0.1", {"198.51.100.1, 203.0.113.9"}) == "203.0.113.9");
  CHECK(Client(proxies, "10.0.0.1", {"203.0.113.9, 10.1.2.3"}) == "203.0.113.9");
  CHECK(Client(proxies, "10.0.0.1", {"127.0.0.1,203.0.113.9\t, 10.1.2.3 , 2001:DB8:0::1"}) == "203.0.113.9");
  CHECK(Client(proxies, "2001:db8::1", {"2001:DB8::0:2"}) == "2001:db8::2");
  CHECK(Client(proxies, "10.0.0.1", {}) == "10.0.0.1");
}

TEST_CASE("if all are trusted, the request began at the farthest") {
  CHECK(Client(Trusting({"10.0.0.0/8"}), "10.0.0.1", {"10.0.0.3, 10.0.0.2"}) == "10.0.0.3");
}

TEST_CASE("IPv4 mapped into IPv6 is IPv4, as peer, as proxy and as client") {
  CHECK(Client(Trusting({"::ffff:10.0.0.1"}), "10.0.0.1", {"::ffff:203.0.113.9"}) == "203.0.113.9");
  CHECK(Client(Trusting({"10.0.0.0/8"}), "10.0.0.1", {"203.0.113.9, ::ffff:10.0.0.2"}) == "203.0.113.9");
}

TEST_CASE("several header lines are one list") {
  const auto proxies = Trusting({"10.0.0.0/8"});
  CHECK(Client(proxies, "10.0.0.1", {"127.0.0.1", "203.0.113.9"}) == "203.0.113.9");
  CHECK(Client(proxies, "10.0.0.1", {"203.0.113.9", "10.0.0.2, 10.0.0.3"}) == "203.0.113.9");
  CHECK(Client(proxies, "10.0.0.1", {"203.0.113.9", ""}) == "refused");
}

TEST_CASE("a list that is not wholly made of addresses names nobody") {
  const auto proxies = Trusting({"10.0.0.0/8"});
  for (const char* line : {"",
                           " ",
                           ",",
                           "203.0.113.9,",
                           ",203.0.113.9",
                           "203.0.113.9,,10.0.0.2",
                           "unknown",
                           "_hidden",
                           "203.0.113.9:1234",
                           "[2001:db8::1]",
                           "[2001:db8::1]:80",
                           "203.0.113.9 10.0.0.2",
                           "203.0.113.9; 10.0.0.2",
                           "unknown, 203.0.113.9",
                           "for=203.0.113.9",
                           "fe80::1%eth0",
                           "203.0.113.9/32",
                           "\"203.0.113.9\"",
                           "localhost",
                           "unix",
                           "203.0.113.009",
                           "0xcb.0.113.9"}) {
    CAPTURE(line);
    CHECK(Client(proxies, "10.0.0.1", {line}) == "refused");
  }
}

TEST_CASE("a list has a bound, over all lines together") {
  const auto proxies = Trusting({"10.0.0.0/8"});
  std::string full = "203.0.113.9";
  for (size_t i = 1; i < kMaxForwardedAddresses; ++i) full += ", 10.0.0.2";
  CHECK(Client(proxies, "10.0.0.1", {full}) == "203.0.113.9");
  CHECK(Client(proxies, "10.0.0.1", {full + ", 10.0.0.2"}) == "refused");
  CHECK(Client(proxies, "10.0.0.1", {full, "10.0.0.2"}) == "refused");
  CHECK(Client(proxies, "10.0.0.1", std::vector<std::string>(kMaxForwardedAddresses, "10.0.0.2")) ==
        "10.0.0.2");
}

TEST_CASE("a peer on a Unix socket is trusted only by that word") {
  CHECK(Client(Trusting({"unix"}), "unix", {"203.0.113.9"}) == "203.0.113.9");
  CHECK(Client(Trusting({"unix"}), "unix", {}) == "unix");
  CHECK(Client(Trusting({"127.0.0.0/8", "::1"}), "unix", {"203.0.113.9"}) == "unix");
  CHECK(Client(Trusting({"unix"}), "127.0.0.1", {"203.0.113.9"}) == "127.0.0.1");
}

TEST_CASE("no other header says who the client is") {
  const Headers headers{{"forwarded", "for=203.0.113.9"}, {"x-real-ip", "203.0.113.9"},
                        {"x-client-ip", "203.0.113.9"},   {"true-client-ip", "203.0.113.9"},
                        {"x-forwarded", "203.0.113.9"},   {"x_forwarded_for", "203.0.113.9"}};
  CHECK(FindClient(Trusting({"10.0.0.1"}), PeerAddress("10.0.0.1"), headers)->text == "10.0.0.1");
}

TEST_CASE("only who connected from this machine itself is local") {
  CHECK(PeerAddress("127.0.0.1").IsLocal());
  CHECK(PeerAddress("::1").IsLocal());
  CHECK(PeerAddress("unix").IsLocal());
  CHECK_FALSE(PeerAddress("192.0.2.7").IsLocal());
  // A loopback address that a proxy names is a loopback of the proxy's.
  const auto client = FindClient(Trusting({"10.0.0.0/8"}), PeerAddress("10.0.0.1"), Lines({"127.0.0.1"}));
  CHECK(client->ip->IsLoopback());
  CHECK_FALSE(client->IsLocal());
}

TEST_CASE("trusted proxies are networks, addresses or unix, and never everybody") {
  CHECK(Trusting({"10.0.0.0/8", "unix", "::1"}).words() ==
        std::vector<std::string>{"10.0.0.0/8", "unix", "::1"});
  for (const char* word :
       {"", "UNIX", "unix:/run/x", "10.0.0.1/8", "0.0.0.0/0", "::/0", "::ffff:0:0/96", "*", "proxy"}) {
    CAPTURE(word);
    CHECK_FALSE(AddressList::Parse({"10.0.0.0/8", word}));
  }
}
