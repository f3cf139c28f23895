#pragma once
// One IO thread and its connections. Other threads only put things into its inbox.

#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "api/http/connection.h"
#include "api/http/event_loop.h"

namespace claviger::api::http {

class IoThread final : EventHandler, ConnectionHost {
 public:
  // Null with errno set if the system gives no descriptors.
  static std::unique_ptr<IoThread> Create(const Service& service);
  ~IoThread() override;

  void Start(const std::string& name) { loop_->Start(name); }
  // Ends the thread and drops its connections. Answers that come later are counted as dropped.
  void Stop();
  // From any thread.
  void Adopt(Arrival arrival);
  void BeginDrain();
  bool AliveWithin(std::chrono::milliseconds within) const { return loop_->AliveWithin(within); }
  size_t connections() const { return connection_count_.load(std::memory_order_relaxed); }

 private:
  struct Answer {
    uint64_t connection;
    uint64_t request;
    Response response;
  };
  class Inbox;
  class AnswerSink;

  explicit IoThread(const Service& service);

  void OnEvent(uint64_t tag, Readiness readiness) override;
  void OnWake() override;
  void OnTick(SteadyTime now) override;
  Responder MakeResponder(uint64_t connection, uint64_t request) override;
  std::span<char> Scratch() override { return scratch_; }
  std::string_view HttpDate() const override { return http_date_; }
  bool Draining() const override { return draining_; }

  // Runs one step of a connection, then delivers the answers it caused and brings the watch up to date. An
  // exception (memory) ends that connection alone.
  template <class Step>
  void Run(uint64_t id, Step step);
  template <class Step>
  void Guarded(Connection& connection, Step step);
  void DeliverLocal();
  void Settle(uint64_t id);
  void Admit(Arrival arrival);

  struct Entry {
    std::unique_ptr<Connection> connection;
    bool watches_read = true;
    bool watches_write = false;
  };

  const Service& service_;
  std::unique_ptr<EventLoop> loop_;
  std::shared_ptr<Inbox> inbox_;
  std::unordered_map<uint64_t, Entry> connections_;
  std::atomic<size_t> connection_count_{0};
  uint64_t next_id_ = EventLoop::kFirstTag;  // never used twice
  std::vector<Answer> local_;                // answers given on this thread
  std::vector<uint64_t> again_;              // connections with input that no event announces
  std::vector<char> scratch_;
  std::string http_date_;
  bool draining_ = false;
};

}  // namespace claviger::api::http
