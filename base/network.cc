#include "base/network.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <charconv>

namespace claviger {
namespace {

namespace ip = boost::asio::ip;

constexpr int kMappedBits = 96;  // what stands before the IPv4 address in a mapped one

int BitsOf(const IpAddress& address) { return address.family == 4 ? 32 : 128; }

IpAddress FromV4(const ip::address_v4& address) {
  IpAddress out{4, {}};
  const auto bytes = address.to_bytes();
  std::copy(bytes.begin(), bytes.end(), out.bytes.begin());
  return out;
}

// Nothing but the address: the library would cut the text at a NUL and take a zone behind '%'.
std::optional<ip::address> ParseAny(std::string_view text) {
  if (text.find_first_not_of("0123456789abcdefABCDEF:.") != text.npos) return std::nullopt;
  boost::system::error_code error;
  const auto address = ip::make_address(std::string(text), error);
  if (error) return std::nullopt;
  return address;
}

IpAddress Canonical(const ip::address& address) {
  if (address.is_v4()) return FromV4(address.to_v4());
  const auto v6 = address.to_v6();
  if (v6.is_v4_mapped()) return FromV4(ip::make_address_v4(ip::v4_mapped, v6));
  return {6, v6.to_bytes()};
}

// Decimal digits without leading zeros.
std::optional<int> ParsePrefix(std::string_view text) {
  int bits = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bits);
  if (error != std::errc() || end != text.data() + text.size() || bits < 0) return std::nullopt;
  if (std::to_string(bits) != text) return std::nullopt;
  return bits;
}

// The network of `first`, or nullopt if `first` has a bit beyond the prefix.
std::optional<Network> Spread(const IpAddress& first, int prefix) {
  Network network{first, first};
  for (int bit = prefix; bit < BitsOf(first); ++bit) {
    const auto mask = static_cast<uint8_t>(0x80 >> bit % 8);
    if ((first.bytes[bit / 8] & mask) != 0) return std::nullopt;
    network.last.bytes[bit / 8] |= mask;
  }
  return network;
}

}  // namespace

std::string IpAddress::ToString() const {
  if (family == 6) return ip::address_v6(bytes).to_string();
  return ip::address_v4({bytes[0], bytes[1], bytes[2], bytes[3]}).to_string();
}

bool IpAddress::IsLoopback() const {
  return family == 6 ? ip::address_v6(bytes).is_loopback() : bytes[0] == 127;
}

std::string IpAddress::Group() const {
  if (family == 4) return ToString();
  IpAddress group = *this;
  std::fill(group.bytes.begin() + 8, group.bytes.end(), 0);
  return group.ToString() + "/64";
}

std::optional<IpAddress> ParseIpAddress(std::string_view text) {
  const auto address = ParseAny(text);
  if (!address) return std::nullopt;
  return Canonical(*address);
}

bool Network::IsWholeFamily() const {
  const IpAddress zero{first.family, {}};
  return first == zero && Spread(zero, 0)->last == last;
}

std::optional<Network> ParseNetwork(std::string_view text) {
  const size_t slash = text.find('/');
  const auto written = ParseAny(text.substr(0, slash));
  if (!written) return std::nullopt;
  const IpAddress first = Canonical(*written);
  if (slash == text.npos) return Network{first, first};

  auto prefix = ParsePrefix(text.substr(slash + 1));
  if (!prefix) return std::nullopt;
  // "::ffff:10.0.0.0/104" is 10.0.0.0/8; a shorter prefix than 96 would cut into the mapping itself.
  if (written->is_v6() && first.family == 4) *prefix -= kMappedBits;
  if (*prefix < 0 || *prefix > BitsOf(first)) return std::nullopt;
  return Spread(first, *prefix);
}

}  // namespace claviger
