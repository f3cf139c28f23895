// Networks and lists of addresses as text: what is taken is in one form. The input's lines are trusted
// proxies, then, behind an empty line, lines of X-Forwarded-For.
#include "api/http/client_address.h"
#include "tests/fuzz/require.h"

using namespace claviger;
using namespace claviger::api::http;
using fuzz::Require;

namespace {

void CheckNetwork(std::string_view text) {
  const auto network = ParseNetwork(text);
  if (!network) return;
  Require(text.size() <= kMaxNetworkChars, "networks have short names");
  Require(network->Contains(network->first) && network->Contains(network->last), "networks hold their ends");
  for (const IpAddress& address : {network->first, network->last}) {
    Require(ParseIpAddress(address.ToString()) == address, "addresses print back");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::vector<std::string> words;
  std::vector<std::pair<std::string, std::string>> headers;
  bool in_headers = false;
  for (std::string_view rest = fuzz::Text(data, size); !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    CheckNetwork(line);
    if (in_headers) headers.emplace_back("x-forwarded-for", line);
    if (!in_headers && !line.empty()) words.emplace_back(line);
    in_headers = in_headers || line.empty();
  }
  const auto proxies = AddressList::Parse(words);
  if (!proxies) return 0;
  for (const char* peer : {"10.0.0.1", "::1", "unix"}) {
    const auto client = FindClient(*proxies, PeerAddress(peer), headers);
    if (!client) continue;
    Require(client->forwarded || client->text == peer, "a peer speaks for itself or a proxy for its client");
    Require(client->forwarded == proxies->Holds(PeerAddress(peer)) || headers.empty(),
            "only proxies are believed");
    Require(!client->forwarded || ParseIpAddress(client->text) == client->ip, "clients have one form");
  }
  return 0;
}
