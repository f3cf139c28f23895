#include "api/http/client_address.h"

#include <algorithm>

namespace claviger::api::http {
namespace {

constexpr std::string_view kUnix = "unix";

std::string_view Trim(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// Appends the addresses of one header line. False if there is anything else in it, or too much.
bool Append(std::vector<IpAddress>& addresses, std::string_view line) {
  while (true) {
    const size_t comma = line.find(',');
    const auto address = ParseIpAddress(Trim(line.substr(0, comma)));
    if (!address || addresses.size() == kMaxForwardedAddresses) return false;
    addresses.push_back(*address);
    if (comma == line.npos) return true;
    line.remove_prefix(comma + 1);
  }
}

}  // namespace

ClientAddress PeerAddress(std::string text) {
  const auto ip = ParseIpAddress(text);
  return {std::move(text), ip, false};
}

std::optional<AddressList> AddressList::Parse(std::vector<std::string> words) {
  AddressList list;
  for (const std::string& word : words) {
    if (word == kUnix) {
      list.unix_ = true;
      continue;
    }
    const auto network = ParseNetwork(word);
    if (!network || network->IsWholeFamily()) return std::nullopt;
    list.networks_.push_back(*network);
  }
  list.words_ = std::move(words);
  return list;
}

bool AddressList::Holds(const IpAddress& address) const {
  return std::any_of(networks_.begin(), networks_.end(),
                     [&](const Network& network) { return network.Contains(address); });
}

bool AddressList::Holds(const ClientAddress& client) const {
  return client.ip ? Holds(*client.ip) : unix_ && client.text == kUnix;
}

std::optional<ClientAddress> FindClient(const AddressList& proxies, const ClientAddress& peer,
                                        const std::vector<std::pair<std::string, std::string>>& headers) {
  if (!proxies.Holds(peer)) return peer;
  std::vector<IpAddress> addresses;
  for (const auto& [name, value] : headers) {
    if (name == "x-forwarded-for" && !Append(addresses, value)) return std::nullopt;
  }
  if (addresses.empty()) return peer;

  // If all are trusted, the farthest one is where the request began.
  auto client = std::find_if_not(addresses.rbegin(), std::prev(addresses.rend()),
                                 [&](const IpAddress& address) { return proxies.Holds(address); });
  return ClientAddress{client->ToString(), *client, true};
}

}  // namespace claviger::api::http
