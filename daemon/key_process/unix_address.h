#pragma once
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <string>

#include "base/error.h"

namespace claviger::daemon {

// kInvalid if the path is too long for a socket.
inline Result<sockaddr_un> UnixAddress(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return Invalid("hsm.key_process_socket is too long for a socket");
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

}  // namespace claviger::daemon
