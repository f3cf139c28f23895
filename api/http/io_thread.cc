#include "api/http/io_thread.h"

#include <exception>
#include <typeinfo>

#include "api/http/answer.h"
#include "api/http/problem.h"
#include "api/http/wipe_string.h"

namespace claviger::api::http {
namespace {

constexpr size_t kScratchBytes = 64 * 1024;

}  // namespace

// Outlives the thread as long as a responder points here.
class IoThread::Inbox {
 public:
  struct Content {
    std::vector<Arrival> arrivals;
    std::vector<Answer> answers;
    bool drain = false;
  };

  Inbox(EventLoop& loop, std::vector<Answer>& local) : loop_(&loop), local_(&local) {}

  void Put(Arrival arrival) {
    Post([&](Content& content) { content.arrivals.push_back(std::move(arrival)); });
  }
  void PutDrain() {
    Post([](Content& content) { content.drain = true; });
  }
  void Put(Answer answer) {
    const bool posted = Post([&](Content& content) { content.answers.push_back(std::move(answer)); });
    if (!posted) WipeString(answer.response.body);
  }
  // On the loop's thread the answer waits for the end of the current step instead.
  bool PutLocal(Answer& answer) {
    const std::lock_guard lock(mutex_);
    if (loop_ == nullptr || !loop_->InLoop()) return false;
    local_->push_back(std::move(answer));
    return true;
  }

  Content TakeAll() {
    const std::lock_guard lock(mutex_);
    return std::exchange(content_, {});
  }
  void Close() {
    const std::lock_guard lock(mutex_);
    loop_ = nullptr;
    for (Answer& answer : content_.answers) WipeString(answer.response.body);
    content_ = {};
  }

 private:
  template <class Change>
  bool Post(Change change) {
    const std::lock_guard lock(mutex_);
    if (loop_ == nullptr) return false;
    const bool idle = content_.arrivals.empty() && content_.answers.empty() && !content_.drain;
    change(content_);
    // Whoever found it idle wakes the loop for all that follow until it has been emptied.
    if (idle) loop_->Wake();
    return true;
  }

  std::mutex mutex_;            // guards all below
  EventLoop* loop_;             // null once closed
  std::vector<Answer>* local_;  // touched on the loop's thread only
  Content content_;
};

class IoThread::AnswerSink final : public Responder::Sink {
 public:
  AnswerSink(std::shared_ptr<Inbox> inbox, uint64_t connection, uint64_t request)
      : inbox_(std::move(inbox)), connection_(connection), request_(request) {}
  ~AnswerSink() override {
    if (!sent_.load()) Send(Problem(500, "An internal error occurred"));
  }
  void Send(Response response) override {
    if (sent_.exchange(true)) {
      WipeString(response.body);
      return;
    }
    Answer answer{connection_, request_, std::move(response)};
    if (!inbox_->PutLocal(answer)) inbox_->Put(std::move(answer));
  }

 private:
  std::shared_ptr<Inbox> inbox_;
  uint64_t connection_;
  uint64_t request_;
  std::atomic<bool> sent_{false};
};

IoThread::IoThread(const Service& service)
    : service_(service), scratch_(kScratchBytes), http_date_(FormatHttpDate(service.clock.Now())) {}

std::unique_ptr<IoThread> IoThread::Create(const Service& service) {
  std::unique_ptr<IoThread> thread(new IoThread(service));
  thread->loop_ = EventLoop::Create(*thread);
  if (thread->loop_ == nullptr) return nullptr;
  thread->inbox_ = std::make_shared<Inbox>(*thread->loop_, thread->local_);
  return thread;
}

IoThread::~IoThread() { Stop(); }

void IoThread::Stop() {
  if (loop_ == nullptr) return;
  loop_->Stop();
  inbox_->Close();
  connections_.clear();
}

void IoThread::Adopt(Arrival arrival) {
  ++connection_count_;  // at once, so that a burst spreads over the threads
  inbox_->Put(std::move(arrival));
}

void IoThread::BeginDrain() { inbox_->PutDrain(); }

Responder IoThread::MakeResponder(uint64_t connection, uint64_t request) {
  return Responder(std::make_shared<AnswerSink>(inbox_, connection, request));
}

void IoThread::OnEvent(uint64_t tag, Readiness readiness) {
  Run(tag, [&](Connection& connection) { connection.OnReady(readiness); });
}

void IoThread::OnWake() {
  Inbox::Content content = inbox_->TakeAll();
  for (Arrival& arrival : content.arrivals) Admit(std::move(arrival));
  for (Answer& answer : content.answers) local_.push_back(std::move(answer));
  DeliverLocal();
  for (const uint64_t id : std::exchange(again_, {})) {
    Run(id, [](Connection& connection) { connection.OnReady({true, false, false}); });
  }
  if (!content.drain) return;
  draining_ = true;
  std::vector<uint64_t> ids;
  for (const auto& [id, entry] : connections_) ids.push_back(id);
  for (const uint64_t id : ids) {
    Run(id, [](Connection& connection) { connection.BeginDrain(); });
  }
}

void IoThread::OnTick(SteadyTime now) {
  http_date_ = FormatHttpDate(service_.clock.Now());
  std::vector<uint64_t> ids;
  ids.reserve(connections_.size());
  for (const auto& [id, entry] : connections_) ids.push_back(id);
  for (const uint64_t id : ids) {
    Run(id, [&](Connection& connection) { connection.OnTick(now); });
  }
}

void IoThread::Admit(Arrival arrival) {
  const uint64_t id = next_id_++;
  ConnectionHost& host = *this;
  auto connection = std::make_unique<Connection>(service_, host, id, std::move(arrival));
  if (!loop_->Watch(connection->fd(), id, true, false)) {
    --connection_count_;
    return;
  }
  connections_.emplace(id, Entry{std::move(connection)});
}

template <class Step>
void IoThread::Guarded(Connection& connection, Step step) {
  try {
    step(connection);
  } catch (const std::exception& error) {
    service_.log.Failure("a connection failed", {{"type", typeid(error).name()}});
    connection.Fail();
  } catch (...) {
    service_.log.Failure("a connection failed");
    connection.Fail();
  }
}

template <class Step>
void IoThread::Run(uint64_t id, Step step) {
  const auto it = connections_.find(id);
  if (it == connections_.end()) return;
  Guarded(*it->second.connection, step);
  DeliverLocal();
  Settle(id);
}

void IoThread::DeliverLocal() {
  // An answer may let the next pipelined request run, whose answer comes here as well.
  while (!local_.empty()) {
    std::vector<Answer> answers = std::exchange(local_, {});
    for (Answer& answer : answers) {
      const auto it = connections_.find(answer.connection);
      if (it == connections_.end()) {
        ++service_.counters.dropped_answers;
        WipeString(answer.response.body);
        continue;
      }
      Guarded(*it->second.connection, [&](Connection& connection) {
        connection.OnAnswer(answer.request, std::move(answer.response));
      });
      Settle(answer.connection);
    }
  }
}

void IoThread::Settle(uint64_t id) {
  const auto it = connections_.find(id);
  if (it == connections_.end()) return;
  Entry& entry = it->second;
  Connection& connection = *entry.connection;
  const bool read = connection.WantsRead();
  const bool write = connection.WantsWrite();
  if (!connection.closed() && (read != entry.watches_read || write != entry.watches_write)) {
    if (!loop_->Rewatch(connection.fd(), id, read, write)) connection.Fail();
    entry.watches_read = read;
    entry.watches_write = write;
  }
  if (connection.closed()) {
    loop_->Unwatch(connection.fd());
    connections_.erase(it);
    --connection_count_;
    return;
  }
  if (read && connection.HasBufferedInput()) {
    again_.push_back(id);
    loop_->Wake();
  }
}

}  // namespace claviger::api::http
