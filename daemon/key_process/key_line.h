#pragma once
// The API process at its end of a channel: asks, from many threads at once, and hands each answer to who
// waits for it.

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "base/clock.h"
#include "daemon/key_process/channel.h"
#include "daemon/key_process/messages.h"

namespace claviger::daemon {

class KeyLine {
 public:
  // At most `max_waiting` requests are under way at a time.
  KeyLine(Channel channel, size_t max_waiting) : channel_(std::move(channel)), max_waiting_(max_waiting) {}

  // A request under way. Its place is free again when this goes.
  class Request {
   public:
    explicit Request(KeyLine& line, uint64_t number) : line_(line), number_(number) {}
    ~Request() { line_.Leave(number_); }
    Request(const Request&) = delete;
    Request& operator=(const Request&) = delete;

   private:
    friend class KeyLine;
    KeyLine& line_;
    const uint64_t number_;
    std::condition_variable answered_;
    std::optional<SecretBytes> answer_;  // guarded by the line's mutex
  };
  // kUnavailable if too many are under way, or the line is lost. `write` adds the arguments; kIntegrity if
  // they exceed what any row of ours has.
  template <class Write>
  Result<std::unique_ptr<Request>> Send(Verb verb, const Write& write) {
    const RequestHead head = NextHead(verb);
    WireWriter wire;
    Pass(wire, head);
    write(wire);
    return Send(head.number, wire.Take());
  }
  // Nobody awaits the answer. False if it could not be sent without waiting.
  template <class Write>
  bool Tell(Verb verb, const Write& write) {
    WireWriter wire;
    Pass(wire, NextHead(verb));
    write(wire);
    const auto message = wire.Take();
    return message && channel_.SendNow(message->View());
  }
  // The part of the answer that ReadAnswer takes.
  Result<SecretBytes> Await(Request& request, SteadyTime deadline);

  // Requests under way.
  size_t waiting() const;

  // What the one thread that receives does: false if the channel has ended or said nothing in time.
  enum class Heard : uint8_t { kAnswer, kNotice, kNothing, kLost };
  // An answer goes to who waits; a notice comes back in `notice`. kLost for a message that is none, too.
  Heard Receive(SecretBytes& room, KeyMessage& notice);
  // All who wait get kUnavailable, and all who come.
  void Lose();

 private:
  RequestHead NextHead(Verb verb);
  Result<std::unique_ptr<Request>> Send(uint64_t number, std::optional<SecretBytes> message);
  void Leave(uint64_t number);

  Channel channel_;
  const size_t max_waiting_;
  std::atomic<uint64_t> last_number_{0};
  mutable std::mutex mutex_;  // guards what follows
  std::map<uint64_t, Request*> waiting_;
  bool lost_ = false;
};

}  // namespace claviger::daemon
