#include "api/http/socket_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace claviger::api::http {
namespace {

std::optional<uint16_t> ParsePort(std::string_view text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return port;
}

template <class T>
SocketAddress Store(const T& address) {
  SocketAddress out;
  std::memcpy(&out.storage, &address, sizeof address);
  out.size = sizeof address;
  return out;
}

template <class T>
T Load(const SocketAddress& address) {
  T out;
  std::memcpy(&out, &address.storage, sizeof out);
  return out;
}

std::string Print(int family, const void* bytes) {
  char text[INET6_ADDRSTRLEN] = "";
  inet_ntop(family, bytes, text, sizeof text);
  return text;
}

}  // namespace

std::optional<SocketAddress> ParseInetAddress(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port = ParsePort(text.substr(colon + 1));
  std::string host(text.substr(0, colon));
  if (!port) return std::nullopt;
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(*port);
    if (inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) != 1) return std::nullopt;
    return Store(v6);
  }
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(*port);
  if (inet_pton(AF_INET, host.c_str(), &v4.sin_addr) != 1) return std::nullopt;
  return Store(v4);
}

std::optional<SocketAddress> UnixAddress(std::string_view path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) return std::nullopt;
  std::copy(path.begin(), path.end(), address.sun_path);
  return Store(address);
}

std::string FormatWithPort(const SocketAddress& address) {
  if (address.family() == AF_INET6) {
    const auto v6 = Load<sockaddr_in6>(address);
    return "[" + Print(AF_INET6, &v6.sin6_addr) + "]:" + std::to_string(ntohs(v6.sin6_port));
  }
  const auto v4 = Load<sockaddr_in>(address);
  return Print(AF_INET, &v4.sin_addr) + ":" + std::to_string(ntohs(v4.sin_port));
}

std::string FormatHost(const SocketAddress& address) {
  if (address.family() == AF_INET) {
    const auto v4 = Load<sockaddr_in>(address);
    return Print(AF_INET, &v4.sin_addr);
  }
  if (address.family() != AF_INET6) return "unix";
  const auto v6 = Load<sockaddr_in6>(address);
  if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) return Print(AF_INET, &v6.sin6_addr.s6_addr[12]);
  return Print(AF_INET6, &v6.sin6_addr);
}

}  // namespace claviger::api::http
