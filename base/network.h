#pragma once
// IP addresses and networks as values that compare and order. Each address has one form: IPv4 mapped into
// IPv6 (RFC 4291 section 2.5.5.2) is that IPv4 address.

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace claviger {

struct IpAddress {
  uint8_t family = 4;               // 4 or 6
  std::array<uint8_t, 16> bytes{};  // network order; IPv4 has the first four, the rest is zero

  // "192.0.2.7", or IPv6 as RFC 5952 has it.
  std::string ToString() const;
  bool IsLoopback() const;
  // What counts as one client: the address itself, or of IPv6 the /64, which one host owns: "2001:db8::/64".
  std::string Group() const;
  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;
};

// Exactly one address: no port, no brackets, no zone, no leading zeros in IPv4.
std::optional<IpAddress> ParseIpAddress(std::string_view text);

// All addresses from `first` to `last`, of one family.
struct Network {
  IpAddress first;
  IpAddress last;

  bool Contains(const IpAddress& address) const { return first <= address && address <= last; }
  // All of IPv4 or all of IPv6.
  bool IsWholeFamily() const;
  friend auto operator<=>(const Network&, const Network&) = default;
};

inline constexpr size_t kMaxNetworkChars = 49;  // an IPv6 address that ends in IPv4 form, with "/128"

// CIDR, "10.0.0.0/8" or "2001:db8::/32", or a single address. nullopt if anything of the address lies beyond
// the prefix: "10.0.0.1/8" means either a host or a network, and who wrote it knows which.
std::optional<Network> ParseNetwork(std::string_view text);

}  // namespace claviger
