#include "api/http/connection.h"

#include <exception>
#include <typeinfo>

#include "api/http/answer.h"
#include "api/http/problem.h"
#include "api/http/wipe_string.h"

namespace claviger::api::http {
namespace {

using State = RequestReader::State;
using std::chrono::milliseconds;

constexpr size_t kReadBudget = 256 * 1024;  // per event, so that no client keeps the thread
constexpr milliseconds kLinger{2000};
constexpr milliseconds kDrainGrace{2000};
constexpr size_t kSlowestUpload = 64 * 1024;    // bytes a second
constexpr size_t kSlowestDownload = 16 * 1024;  // bytes a second, on the whole

milliseconds TimeFor(size_t bytes, size_t per_second) {
  return milliseconds(static_cast<int64_t>(bytes * 1000 / per_second));
}

HeadLimits LimitsOf(const ServerConfig& config) {
  return {config.max_head_bytes, config.max_headers, config.max_target_bytes};
}

}  // namespace

Connection::Connection(const Service& service, ConnectionHost& host, uint64_t id, Arrival arrival)
    : service_(service),
      host_(host),
      id_(id),
      stream_(std::move(arrival.stream)),
      peer_(PeerAddress(std::move(arrival.peer_address))),
      ticket_(std::move(arrival.ticket)),
      reader_(LimitsOf(service.config), service.config.max_body_bytes, service.body_limit) {
  SetDeadline(service.config.head_timeout);
}

Connection::~Connection() { EndRequest(); }

bool Connection::WantsRead() const {
  if (phase_ == Phase::kLingering) return true;
  return !closed() && !input_ended_ && !reader_.Full();
}

bool Connection::WantsWrite() const {
  if (closed() || phase_ == Phase::kLingering) return false;
  return stream_.read_wants_write() || (!output_.empty() && stream_.write_wants_write());
}

void Connection::OnReady(Readiness readiness) {
  if (readiness.broken) return Close();
  if (phase_ == Phase::kLingering) return DiscardInput();
  if (!output_.empty()) Flush();
  if ((readiness.readable || stream_.read_wants_write()) && WantsRead()) ReadInput();
}

void Connection::ReadInput() {
  size_t budget = kReadBudget;
  while (budget > 0 && phase_ != Phase::kLingering && WantsRead()) {
    const std::span<char> scratch = host_.Scratch();
    const Stream::Transfer got = stream_.Read(scratch);
    if (got.outcome == Stream::Outcome::kBroken) return Close();
    if (got.outcome == Stream::Outcome::kWouldBlock) return;
    if (got.outcome == Stream::Outcome::kEnd) {
      // The client may have closed only its own direction: what it asked for is still answered.
      input_ended_ = true;
      return Proceed();
    }
    reader_.Append({scratch.data(), got.bytes});
    Wipe(scratch.data(), got.bytes);
    Proceed();
    // A short read of a plain socket means that it is empty.
    if (!stream_.tls() && got.bytes < scratch.size()) return;
    budget -= std::min(budget, got.bytes);
  }
}

void Connection::DiscardInput() {
  const Stream::Transfer got = stream_.Discard(host_.Scratch());
  if (got.outcome == Stream::Outcome::kEnd || got.outcome == Stream::Outcome::kBroken) Close();
}

void Connection::Proceed() {
  if (phase_ != Phase::kReading) return;
  const State before = reader_.state();
  const State after = reader_.Advance();
  if (after == State::kRefused) return Refuse(reader_.refusal().status, reader_.refusal().detail);
  if (after == State::kComplete) return Dispatch();
  if (input_ended_) return Close();
  if (after == before) return;
  if (after == State::kHead) SetDeadline(service_.config.head_timeout);
  if (after == State::kBody) BeginBody();
}

void Connection::BeginBody() {
  const size_t size = reader_.head().content_length;
  SetDeadline(service_.config.body_timeout + TimeFor(size, kSlowestUpload));
  if (!service_.body_budget.Take(size, body_share_)) {
    return Refuse(503, "Too many large requests at once; try again later");
  }
  if (reader_.TakeContinue()) {
    output_.Add("HTTP/1.1 100 Continue\r\n\r\n");
    Flush();
  }
}

void Connection::Dispatch() {
  auto client = FindClient(service_.config.trusted_proxies, peer_, reader_.head().headers);
  if (!client) return Refuse(400, "X-Forwarded-For must be a list of IP addresses");
  phase_ = Phase::kAnswering;
  SetDeadline(service_.config.job_timeout);
  ++request_number_;
  close_after_ = !reader_.head().keep_alive;
  head_only_ = reader_.head().method == Method::kHead;
  request_id_ = NewUuidV7(service_.clock, service_.random);
  in_flight_ = true;
  ++service_.counters.in_flight;
  ++service_.counters.requests_total;

  Request request = reader_.Take();
  request.client = *std::move(client);
  request.id = request_id_;
  request.received_at = service_.clock.Steady();
  try {
    service_.handler(std::move(request), host_.MakeResponder(id_, request_number_));
  } catch (const std::exception& error) {
    // The responder went with the handler and answers for it. What the exception says may quote the input.
    service_.log.Failure("a request handler threw", {{"type", typeid(error).name()}});
  } catch (...) {
    service_.log.Failure("a request handler threw", {{"type", "no std::exception"}});
  }
}

void Connection::OnAnswer(uint64_t request, Response response) {
  if (phase_ != Phase::kAnswering || request != request_number_) {
    ++service_.counters.dropped_answers;
    WipeString(response.body);
    return;
  }
  Send(std::move(response));
}

void Connection::Refuse(int status, std::string_view detail) {
  request_id_ = NewUuidV7(service_.clock, service_.random);
  close_after_ = true;
  head_only_ = reader_.head().method == Method::kHead;
  Send(Problem(status, detail));
}

void Connection::Send(Response response) {
  body_share_.Release();  // the handler is done with the body
  if (host_.Draining()) close_after_ = true;
  FitAnswer(response);
  const AnswerContext context{FormatUuid(request_id_), host_.HttpDate(), !close_after_, stream_.tls()};
  auto head = WriteAnswerHead(response, context);
  if (!head) {
    service_.log.Failure("a response cannot be sent", head.error());
    WipeString(response.body);
    response = Problem(500, "An internal error occurred");
    head = WriteAnswerHead(response, context);
  }
  output_.Add(std::move(head).value());
  if (head_only_ || !StatusAllowsBody(response.status)) WipeString(response.body);
  output_.Add(std::move(response.body));
  phase_ = Phase::kWriting;
  left_to_take_ = output_.size();
  last_taken_ = std::chrono::steady_clock::now();
  SetDeadline(service_.config.write_timeout + TimeFor(left_to_take_, kSlowestDownload));
  Flush();
}

// Makes it another answer if there is no room for this one.
void Connection::FitAnswer(Response& response) {
  if (response.body.size() > service_.config.max_response_bytes) {
    service_.log.Failure("a response is too large", {{"bytes", std::to_string(response.body.size())}});
    WipeString(response.body);
    response = Problem(500, "An internal error occurred");
  }
  if (head_only_ || service_.answer_budget.Take(response.body.size(), answer_share_)) return;
  WipeString(response.body);
  response = Problem(503, "Too many large answers at once; try again later");
}

void Connection::Flush() {
  const Stream::Outcome outcome = output_.Flush(stream_);
  if (outcome == Stream::Outcome::kBroken) return Close();
  if (outcome == Stream::Outcome::kDone && phase_ == Phase::kWriting) AnswerWritten();
}

void Connection::AnswerWritten() {
  EndRequest();
  if (close_after_) return Linger();
  phase_ = Phase::kReading;
  SetDeadline(service_.config.idle_timeout);
  Proceed();
}

void Connection::EndRequest() {
  if (std::exchange(in_flight_, false)) --service_.counters.in_flight;
  body_share_.Release();
  answer_share_.Release();
}

// Closing at once could reset the connection before the client has read the answer, if more input is on its
// way (RFC 9112 section 9.6).
void Connection::Linger() {
  if (input_ended_) return Close();
  stream_.FinishWriting();
  phase_ = Phase::kLingering;
  deadline_ = std::chrono::steady_clock::now() + kLinger;
}

void Connection::SetDeadline(milliseconds from_now) {
  const bool hurry = host_.Draining() && phase_ == Phase::kReading;
  deadline_ = std::chrono::steady_clock::now() + (hurry ? std::min(from_now, kDrainGrace) : from_now);
}

void Connection::OnTick(SteadyTime now) {
  if (phase_ == Phase::kWriting) CheckWriteProgress(now);
  if (now < deadline_ || closed()) return;
  switch (phase_) {
    case Phase::kReading:
      if (reader_.state() == State::kEmpty) return Linger();
      if (host_.Draining()) return Refuse(503, "The server is shutting down");
      return Refuse(408, "The request did not arrive in time");
    case Phase::kAnswering:
      close_after_ = true;
      service_.log.Warn("a request was not answered in time", {{"request_id", FormatUuid(request_id_)}});
      return Send(Problem(503, "The service did not answer in time; try again later"));
    case Phase::kWriting:
      stream_.Abort();
      return Close();
    case Phase::kLingering:
    case Phase::kClosed:
      return Close();
  }
}

// What the client's kernel has acknowledged counts, not what ours has taken: a steady reader of a slow link
// may leave our socket full for long.
void Connection::CheckWriteProgress(SteadyTime now) {
  const size_t left = output_.size() + stream_.Unacknowledged();
  if (left != left_to_take_) {
    left_to_take_ = left;
    last_taken_ = now;
  } else if (now - last_taken_ >= service_.config.write_timeout) {
    stream_.Abort();
    Close();
  }
}

void Connection::BeginDrain() {
  if (phase_ != Phase::kReading) return;
  ReadInput();
  if (phase_ != Phase::kReading) return;
  // A client that was served and asks for nothing can go; a newcomer's first request may be on its way.
  if (reader_.state() == State::kEmpty && request_number_ > 0) return Linger();
  deadline_ = std::min(deadline_, std::chrono::steady_clock::now() + kDrainGrace);
}

}  // namespace claviger::api::http
