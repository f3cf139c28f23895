#pragma once
// Whom a request is from. The whole product sees this one answer: the audit log, the limits, the IP rules.
//
// The peer of the connection is the client, unless it is a proxy that the configuration trusts; then the
// client is the rightmost address of X-Forwarded-For that is no trusted proxy itself. What stands to the left
// of it came with the request and proves nothing. Any other peer may send what it likes in that header: it is
// not looked at. `Forwarded` (RFC 7239) is never looked at.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/network.h"

namespace claviger::api::http {

struct ClientAddress {
  std::string text;             // "127.0.0.1", "::1", or "unix" for a peer on a Unix socket
  std::optional<IpAddress> ip;  // none for "unix"
  bool forwarded = false;       // a proxy spoke for the client

  // Connected from this machine itself, as far as anybody can know.
  bool IsLocal() const { return !forwarded && (!ip || ip->IsLoopback()); }
  // What limits count as one client; empty for "unix", behind which there may be many.
  std::string Group() const { return ip ? ip->Group() : std::string(); }
};

// A peer of a connection. `text` as made by FormatHost.
ClientAddress PeerAddress(std::string text);

inline constexpr size_t kMaxForwardedAddresses = 32;

class AddressList {
 public:
  // Networks, single addresses, and "unix" for every peer on a Unix socket. nullopt if a word is none of
  // these or takes in a whole family: a list that holds everybody is a mistake.
  static std::optional<AddressList> Parse(std::vector<std::string> words);

  const std::vector<std::string>& words() const { return words_; }
  bool Holds(const ClientAddress& client) const;
  bool Holds(const IpAddress& address) const;

 private:
  std::vector<std::string> words_;
  std::vector<Network> networks_;
  bool unix_ = false;
};

// Of the peer's connection. `proxies`: whose X-Forwarded-For is believed. Headers with lower-case names;
// several X-Forwarded-For lines are one list, in their order. nullopt if the peer is one of them and the list
// is not wholly made of 1 to kMaxForwardedAddresses plain addresses, no ports: then nobody can say who the
// client is.
std::optional<ClientAddress> FindClient(const AddressList& proxies, const ClientAddress& peer,
                                        const std::vector<std::pair<std::string, std::string>>& headers);

}  // namespace claviger::api::http
