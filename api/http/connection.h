#pragma once
// One connection on its IO thread: reads requests, hands each to the handler, writes its answer. One request
// is in flight; answers leave in the order of the requests. Never blocks and never loops on a socket that
// does not move.

#include <span>
#include <string>

#include "api/http/census.h"
#include "api/http/client_address.h"
#include "api/http/counters.h"
#include "api/http/event_loop.h"
#include "api/http/output.h"
#include "api/http/request_reader.h"
#include "api/http/server.h"
#include "api/http/stream.h"

namespace claviger::api::http {

// A connection ready for HTTP, on its way to an IO thread.
struct Arrival {
  Stream stream;
  std::string peer_address;
  Census::Ticket ticket;
};

// What all connections of a server share.
struct Service {
  const ServerConfig& config;
  const Handler& handler;
  const BodyLimit& body_limit;
  const Log& log;
  const Clock& clock;
  Random& random;
  Counters& counters;
  BodyBudget& body_budget;
  BodyBudget& answer_budget;
};

// What a connection needs of its IO thread.
class ConnectionHost {
 public:
  virtual ~ConnectionHost() = default;
  virtual Responder MakeResponder(uint64_t connection, uint64_t request) = 0;
  virtual std::span<char> Scratch() = 0;
  virtual std::string_view HttpDate() const = 0;
  virtual bool Draining() const = 0;
};

class Connection {
 public:
  Connection(const Service& service, ConnectionHost& host, uint64_t id, Arrival arrival);
  ~Connection();

  void OnReady(Readiness readiness);
  // Dropped unless it belongs to the request in flight.
  void OnAnswer(uint64_t request, Response response);
  void OnTick(SteadyTime now);
  // Ends soon: at once between requests, else with the answer.
  void BeginDrain();

  // Ends the connection without a further byte.
  void Fail() { Close(); }

  bool closed() const { return phase_ == Phase::kClosed; }
  bool WantsRead() const;
  bool WantsWrite() const;
  bool HasBufferedInput() const { return stream_.HasBufferedInput(); }
  int fd() const { return stream_.fd(); }

 private:
  enum class Phase { kReading, kAnswering, kWriting, kLingering, kClosed };

  void ReadInput();
  void DiscardInput();
  void Proceed();
  void BeginBody();
  void Dispatch();
  void Refuse(int status, std::string_view detail);
  void Send(Response response);
  void FitAnswer(Response& response);
  void Flush();
  void AnswerWritten();
  void EndRequest();
  void Linger();
  void Close() { phase_ = Phase::kClosed; }
  void SetDeadline(std::chrono::milliseconds from_now);
  void CheckWriteProgress(SteadyTime now);

  const Service& service_;
  ConnectionHost& host_;
  const uint64_t id_;
  Stream stream_;
  const ClientAddress peer_;
  Census::Ticket ticket_;
  RequestReader reader_;
  Output output_;
  Phase phase_ = Phase::kReading;
  SteadyTime deadline_{};  // of the phase
  bool input_ended_ = false;

  // The request in flight.
  uint64_t request_number_ = 0;
  Uuid request_id_{};
  bool in_flight_ = false;
  bool close_after_ = false;
  bool head_only_ = false;
  BodyBudget::Share body_share_;

  // The answer being written.
  BodyBudget::Share answer_share_;
  size_t left_to_take_ = 0;
  SteadyTime last_taken_{};
};

}  // namespace claviger::api::http
