#pragma once
// The server's TLS settings: 1.2 and 1.3, forward secrecy and AEAD only, ALPN http/1.1, no renegotiation.

#include <memory>

#include "api/http/server.h"
#include "api/http/stream.h"
#include "base/error.h"

struct ssl_ctx_st;

namespace claviger::api::http {

class TlsContext {
 public:
  // kInvalid with one sentence naming the file if one cannot be read, the key is readable by group or others,
  // is encrypted, or does not belong to the certificate. Of the keys that a URI names the one that belongs to
  // the certificate is taken, once it has signed something; what keeps it from that is passed through.
  static Result<std::shared_ptr<const TlsContext>> Load(const TlsFiles& files);

  // True if a handshake waits for whoever has the key.
  bool key_is_elsewhere() const { return key_is_elsewhere_; }

  // A server session over `fd`, which stays the caller's. Null if memory is short. Any thread.
  SslPtr NewSession(int fd) const;

 private:
  struct CtxFree {
    void operator()(ssl_ctx_st* ctx) const;
  };
  TlsContext() = default;
  std::unique_ptr<ssl_ctx_st, CtxFree> ctx_;
  bool key_is_elsewhere_ = false;
};

}  // namespace claviger::api::http
