#include "api/http/request_reader.h"

#include <algorithm>

#include "api/http/wipe_string.h"

namespace claviger::api::http {
namespace {

// Memory for a body is taken as it arrives: a declared length alone costs nothing.
constexpr size_t kFirstBodyBytes = 64 * 1024;

}  // namespace

RequestReader::~RequestReader() {
  WipeString(waiting_);
  WipeString(body_);
  for (auto& [name, value] : head_.headers) WipeString(value);
}

void RequestReader::Append(std::string_view bytes) {
  if (state_ == State::kRefused) return;
  if (state_ == State::kBody) TakeBody(bytes);
  AppendWiping(waiting_, bytes);
}

RequestReader::State RequestReader::Advance() {
  if (state_ == State::kEmpty && !waiting_.empty()) state_ = State::kHead;
  if (state_ == State::kHead) FindHead();
  if (state_ == State::kBody && body_.size() == head_.content_length) state_ = State::kComplete;
  return state_;
}

void RequestReader::FindHead() {
  const auto found = scanner_.Scan(waiting_);
  if (const auto* refusal = std::get_if<Refusal>(&found)) return Refuse(*refusal);
  const size_t size = std::get<size_t>(found);
  if (size == 0) return;
  auto parsed = ParseHead(std::string_view(waiting_).substr(0, size), limits_);
  if (auto* refusal = std::get_if<Refusal>(&parsed)) return Refuse(std::move(*refusal));
  head_ = std::move(std::get<Head>(parsed));
  DropWaiting(size);
  const size_t allowed = std::min(max_body_bytes_, body_limit_(head_.method, head_.target));
  if (head_.content_length > allowed) return Refuse({413, "The request body is too large"});
  BeginBody();
}

void RequestReader::BeginBody() {
  state_ = State::kBody;
  body_.clear();
  body_.reserve(std::min<size_t>(head_.content_length, kFirstBodyBytes));
  std::string_view bytes = waiting_;
  TakeBody(bytes);
  DropWaiting(waiting_.size() - bytes.size());
  continue_due_ = head_.expects_continue && head_.content_length > 0 && body_.empty();
}

void RequestReader::TakeBody(std::string_view& bytes) {
  const size_t size = std::min<size_t>(bytes.size(), head_.content_length - body_.size());
  AppendWiping(body_, bytes.substr(0, size));
  bytes.remove_prefix(size);
}

void RequestReader::DropWaiting(size_t size) {
  const size_t left = waiting_.size() - size;
  std::copy(waiting_.begin() + static_cast<ptrdiff_t>(size), waiting_.end(), waiting_.begin());
  Wipe(waiting_.data() + left, size);
  waiting_.resize(left);
  if (left == 0 && waiting_.capacity() > limits_.max_head_bytes) waiting_ = std::string();
}

void RequestReader::Refuse(Refusal refusal) {
  state_ = State::kRefused;
  refusal_ = std::move(refusal);
  WipeString(waiting_);
}

bool RequestReader::TakeContinue() { return std::exchange(continue_due_, false); }

Request RequestReader::Take() {
  Request request;
  request.method = head_.method;
  request.target = std::move(head_.target);
  request.headers = std::move(head_.headers);
  request.body = std::move(body_);
  head_ = Head{};
  body_ = std::string();
  state_ = State::kEmpty;
  return request;
}

}  // namespace claviger::api::http
