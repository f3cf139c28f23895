#pragma once
// Text and socket form of addresses. No names are ever looked up.

#include <sys/socket.h>

#include <optional>
#include <string>
#include <string_view>

namespace claviger::api::http {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  int family() const { return storage.ss_family; }
};

// "127.0.0.1:8443" or "[::1]:8443"; nullopt for anything else.
std::optional<SocketAddress> ParseInetAddress(std::string_view text);
// nullopt if the path does not fit.
std::optional<SocketAddress> UnixAddress(std::string_view path);
// "127.0.0.1:8443" or "[::1]:8443".
std::string FormatWithPort(const SocketAddress& address);
// "127.0.0.1", "::1" or "unix"; an IPv4 address mapped into IPv6 is shown as IPv4.
std::string FormatHost(const SocketAddress& address);

}  // namespace claviger::api::http
