#pragma once
// Frames the requests of one connection: bytes in, whole requests out, one at a time. It keeps at most one
// head and one read beyond the request in hand, and one body. Knows no socket and no clock.

#include <string>
#include <string_view>

#include "api/http/head.h"
#include "api/http/server.h"

namespace claviger::api::http {

class RequestReader {
 public:
  enum class State {
    kEmpty,     // between requests
    kHead,      // a head has begun
    kBody,      // the head is good, body bytes are missing
    kComplete,  // Take() gives the request; further bytes wait
    kRefused,   // refusal() tells why; nothing more is read
  };

  RequestReader(const HeadLimits& limits, size_t max_body_bytes, const BodyLimit& body_limit)
      : limits_(limits), max_body_bytes_(max_body_bytes), body_limit_(body_limit), scanner_(limits) {}
  ~RequestReader();
  RequestReader(const RequestReader&) = delete;
  RequestReader& operator=(const RequestReader&) = delete;

  State state() const { return state_; }
  void Append(std::string_view bytes);
  // Goes on as far as the bytes allow.
  State Advance();
  // No more input is wanted: enough waits behind the request in hand.
  bool Full() const { return waiting_.size() >= limits_.max_head_bytes; }

  const Refusal& refusal() const { return refusal_; }
  // The head of the request in hand; a default one until it has been parsed.
  const Head& head() const { return head_; }
  // True once for a request whose client waits for "100 Continue" and has not sent any of the body.
  bool TakeContinue();
  // With kComplete. Leaves id, address and time to the caller. The next request begins.
  Request Take();

 private:
  void Refuse(Refusal refusal);
  void FindHead();
  void BeginBody();
  void TakeBody(std::string_view& bytes);
  void DropWaiting(size_t size);

  const HeadLimits limits_;
  const size_t max_body_bytes_;
  const BodyLimit& body_limit_;
  HeadScanner scanner_;
  State state_ = State::kEmpty;
  std::string waiting_;  // bytes not yet part of a request
  Head head_;
  std::string body_;
  bool continue_due_ = false;
  Refusal refusal_;
};

}  // namespace claviger::api::http
