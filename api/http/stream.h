#pragma once
// One connected socket, plain or TLS. Nothing here blocks, and nothing is queued: what the kernel does not
// take stays the caller's. Used by one thread at a time.

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "api/http/owned_fd.h"

struct ssl_st;

namespace claviger::api::http {

struct SslFree {
  void operator()(ssl_st* ssl) const;
};
using SslPtr = std::unique_ptr<ssl_st, SslFree>;

class Stream {
 public:
  enum class Outcome { kDone, kWouldBlock, kEnd, kBroken };
  struct Transfer {
    Outcome outcome = Outcome::kBroken;
    size_t bytes = 0;  // above zero exactly with kDone
  };

  explicit Stream(OwnedFd fd, SslPtr ssl = nullptr) : fd_(std::move(fd)), ssl_(std::move(ssl)) {}

  // The server's side of the TLS handshake; call again when the socket is ready.
  Outcome Handshake();
  Transfer Read(std::span<char> into);
  // `more_follows` lets the kernel fill packets.
  Transfer Write(std::string_view bytes, bool more_follows);
  // Tells the client that no more comes (close_notify, then FIN). Reading stays possible.
  void FinishWriting();
  // Closing will drop what the client has not taken, with a reset.
  void Abort();
  // Reads and forgets raw bytes; for a connection whose output is finished.
  Transfer Discard(std::span<char> scratch);

  // The last Handshake or Read waits for the socket to take bytes (TLS may want that).
  bool read_wants_write() const { return read_wants_write_; }
  // The last Write does.
  bool write_wants_write() const { return write_wants_write_; }
  // Decrypted bytes are waiting that no event will announce.
  bool HasBufferedInput() const;
  // Bytes the client's side has not acknowledged yet.
  size_t Unacknowledged() const;
  int fd() const { return fd_.get(); }
  bool tls() const { return ssl_ != nullptr; }

 private:
  Outcome OutcomeOfSsl(int result, bool& wants_write);

  OwnedFd fd_;
  SslPtr ssl_;  // after fd_: freed first
  bool read_wants_write_ = false;
  bool write_wants_write_ = false;
  bool ssl_dead_ = false;
};

}  // namespace claviger::api::http
