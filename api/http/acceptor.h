#pragma once
// The thread that accepts connections, counts them and makes their TLS handshakes. None of it blocks: a
// silent client costs a table entry until its deadline, and delays nobody. Where the key is elsewhere, each
// step of a handshake is made by another thread meanwhile, since it may have to wait for a signature.

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "api/http/bound_listener.h"
#include "api/http/census.h"
#include "api/http/connection.h"
#include "api/http/event_loop.h"
#include "api/http/tls_context.h"
#include "api/work_pool.h"

namespace claviger::api::http {

class Acceptor final : EventHandler {
 public:
  using Deliver = std::function<void(Arrival)>;

  // Null with errno set if the system gives no descriptors. `tls` may be null if no listener needs it.
  static std::unique_ptr<Acceptor> Create(const ServerConfig& config, std::vector<BoundListener> listeners,
                                          std::shared_ptr<const TlsContext> tls, Census& census,
                                          Counters& counters, const Log& log, Deliver deliver);
  ~Acceptor() override;

  void Start();
  void Stop();
  // For handshakes that begin later. Any thread.
  void SetTls(std::shared_ptr<const TlsContext> tls);
  // Takes what waits in the backlog, then closes the listeners. Handshakes begun go on for two seconds.
  void BeginDrain();
  bool AliveWithin(std::chrono::milliseconds within) const { return loop_->AliveWithin(within); }

 private:
  struct Handshake {
    Handshake(Arrival arrived, SteadyTime until, bool blocks)
        : arrival(std::move(arrived)), deadline(until), may_block(blocks) {}
    Arrival arrival;
    SteadyTime deadline;
    const bool may_block;
    bool elsewhere = false;  // its stream is another thread's now, until it shows up in finished_
    std::atomic<bool> given_up{false};
  };
  using HandshakePtr = std::shared_ptr<Handshake>;
  using Handshakes = std::map<uint64_t, HandshakePtr>;  // by tag, so oldest first
  struct Step {
    uint64_t tag;
    Stream::Outcome outcome;
  };

  Acceptor(const ServerConfig& config, std::vector<BoundListener> listeners,
           std::shared_ptr<const TlsContext> tls, Census& census, Counters& counters, const Log& log,
           Deliver deliver);
  void OnEvent(uint64_t tag, Readiness readiness) override;
  void OnWake() override;
  void OnTick(SteadyTime now) override;
  void AcceptFrom(const BoundListener& listener, int most);
  bool AcceptOne(const BoundListener& listener);
  void Admit(OwnedFd fd, std::string address, bool tls);
  void BeginHandshake(Arrival arrival, bool may_block);
  void GoOn(Handshakes::iterator it);
  void GoOnElsewhere(Handshakes::iterator it);
  void TakeFinished();
  void Conclude(Handshakes::iterator it, Stream::Outcome outcome);
  Handshakes::iterator GiveUp(Handshakes::iterator it);
  void Pause();
  void Resume();

  const ServerConfig& config_;
  std::vector<BoundListener> listeners_;  // watched under kFirstTag + index
  Census& census_;
  Counters& counters_;
  const Log& log_;
  Deliver deliver_;
  std::unique_ptr<EventLoop> loop_;
  Handshakes handshakes_;
  uint64_t next_tag_;
  bool paused_ = false;  // no descriptors or at the limit; tried again at the next tick
  bool descriptors_short_ = false;
  std::atomic<bool> drain_{false};
  std::mutex tls_mutex_;  // guards tls_
  std::shared_ptr<const TlsContext> tls_;
  std::mutex finished_mutex_;  // guards finished_
  std::vector<Step> finished_;
  std::unique_ptr<WorkPool> waiters_;  // null if no key is ever elsewhere
};

}  // namespace claviger::api::http
