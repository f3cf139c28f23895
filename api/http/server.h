#pragma once
// The HTTPS server: the only place that knows Pistache, and it uses Pistache as reactor and transport only,
// with our own acceptor, TLS, framing and answers. docs/ARCHITECTURE.md tells why.
//
// The life of a connection: the acceptor thread accepts it (caps, deadlines), makes the TLS handshake without
// blocking (if the key is elsewhere, on a thread that may wait for it), and hands it to one IO thread, which
// alone reads and writes it from then on. A request is framed strictly and completely (head, then body)
// before the handler sees it. One request per connection is in flight. The answer is queued to that IO
// thread, which writes it only if the very same connection still exists.

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "api/http/message.h"
#include "base/error.h"
#include "base/log.h"
#include "base/random.h"

namespace claviger::crypto::provider {
class Library;
}

namespace claviger::api::http {

// Answers one request, once, from any thread. Copies share the one answer; the first Send wins. If the last
// copy goes without an answer, the client gets a 500 problem.
class Responder {
 public:
  class Sink {
   public:
    virtual ~Sink() = default;
    virtual void Send(Response response) = 0;
  };
  explicit Responder(std::shared_ptr<Sink> sink) : sink_(std::move(sink)) {}
  void Send(Response response) const { sink_->Send(std::move(response)); }

 private:
  std::shared_ptr<Sink> sink_;
};

// Called on any of the IO threads, at the same time on several: must not block. May answer at once or hand
// the responder on.
using Handler = std::function<void(Request, Responder)>;
// Called on an IO thread when a head is complete: the largest body allowed for it (413 beyond).
using BodyLimit = std::function<size_t(Method, const Target&)>;

struct Listener {
  // "127.0.0.1:8443", "[::1]:8443", "[::]:8443" (takes IPv4 clients too), "unix:/run/claviger/http.sock"
  // (mode 0660) or "fd:3" (inherited, listening).
  std::string address;
  bool tls = true;
};

struct TlsFiles {
  std::string certificate_chain_pem;  // path
  // Path of a PEM file, refused if group or world can read it, that holds the key or names it
  // (crypto/provider/ uri_pem.h); or the PKCS#11 URI of a key itself.
  std::string private_key;
  // Where keys are that are named; null if they can only be held. Must outlive the server.
  const crypto::provider::Library* named_keys = nullptr;
};

struct ServerConfig {
  std::vector<Listener> listeners;
  TlsFiles tls;
  AddressList trusted_proxies;
  uint32_t io_threads = 2;
  uint32_t max_connections = 4096;
  uint32_t max_connections_per_address = 1024;  // IPv6: per /64; Unix clients have no such limit
  size_t max_head_bytes = 16 * 1024;
  size_t max_headers = 100;
  size_t max_target_bytes = 4 * 1024;
  size_t max_body_bytes = 5 * 1024 * 1024;
  // Memory for request bodies above 64 KiB, of all connections together; beyond it they get 503.
  size_t max_buffered_body_bytes = 256 * 1024 * 1024;
  size_t max_response_bytes = 8 * 1024 * 1024;
  // The same for answers that wait for their readers. A budget of its own: slow uploads cannot stop answers.
  uint32_t max_buffered_answer_bytes = 256 * 1024 * 1024;
  std::chrono::milliseconds handshake_timeout{5000};
  std::chrono::milliseconds head_timeout{10000};
  std::chrono::milliseconds body_timeout{30000};  // plus 1 s per 64 KiB of declared length
  std::chrono::milliseconds idle_timeout{60000};
  std::chrono::milliseconds write_timeout{30000};  // a reader that takes nothing for this long is cut off
  std::chrono::milliseconds job_timeout{30000};    // then 503 to the client; a later answer is dropped
};

struct ServerStats {
  uint64_t connections = 0;
  uint64_t connections_total = 0;
  uint64_t requests_total = 0;
  uint64_t in_flight = 0;
  uint64_t dropped_answers_total = 0;  // answers whose client had gone
  uint64_t refused_connections_total = 0;
};

class Server {
 public:
  // Binds everything or fails with one clear sentence. Serving starts with Start(). Raises the soft limit of
  // open files as far as max_connections needs, or lowers max_connections with a warning. `random` is used
  // from all IO threads at once.
  static Result<std::unique_ptr<Server>> Create(ServerConfig config, Handler handler, BodyLimit body_limit,
                                                const Log& log, Random& random);
  virtual ~Server() = default;

  virtual void Start() = 0;
  // Addresses really bound (port 0 resolved), in listener order.
  virtual std::vector<std::string> Addresses() const = 0;
  // Reads the certificate and key again for new connections; on failure the old ones stay. May block on an
  // HSM.
  virtual Status ReloadTls() = 0;
  // Stops accepting; answers in flight are still delivered, with Connection: close; idle connections are
  // closed. Returns true if all were delivered before the deadline. Safe to call once; then Stop().
  virtual bool Drain(std::chrono::milliseconds deadline) = 0;
  // Ends the threads. No answer is sent any more.
  virtual void Stop() = 0;
  virtual ServerStats Stats() const = 0;
  // True if every IO thread has passed through its loop within the last `within`.
  virtual bool Alive(std::chrono::milliseconds within) const = 0;
};

}  // namespace claviger::api::http
