#pragma once
// A TLS connection to a receiver that never answers: a border of libcurl.

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"

namespace claviger::api {

struct TlsChannelConfig {
  std::string server;  // a host name or an address; its certificate must be for it
  uint32_t port = 6514;
  std::string ca_file;      // empty: the system's authorities
  std::string certificate;  // ours, PEM; empty: none
  std::string private_key;
  std::chrono::milliseconds timeout{10'000};  // to connect, and for the peer to take more of what is sent
};

class TlsChannel {
 public:
  // TLS 1.2 or later, the name verified. kUnavailable, saying why, also once `aborted` is set.
  static Result<std::unique_ptr<TlsChannel>> Open(const TlsChannelConfig& config,
                                                  const std::atomic<bool>& aborted);
  ~TlsChannel();
  // kUnavailable if the peer is gone or takes nothing for the time limit; part of it may have been sent.
  Status Send(std::string_view bytes);
  // Bytes, those of TLS included, that the peer's kernel has not acknowledged. kUnavailable if it has closed.
  Result<size_t> Unacknowledged();

 private:
  struct State;
  explicit TlsChannel(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace claviger::api
