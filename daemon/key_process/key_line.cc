#include "daemon/key_process/key_line.h"

#include "base/request_scope.h"

namespace claviger::daemon {
namespace {

Error Lost() { return Unavailable("the key process ended"); }

}  // namespace

RequestHead KeyLine::NextHead(Verb verb) { return {verb, ++last_number_, RequestScope::Current()}; }

Result<std::unique_ptr<KeyLine::Request>> KeyLine::Send(uint64_t number, std::optional<SecretBytes> message) {
  if (!message) return IntegrityFailure("a key, seal or name is longer than any of ours");
  auto request = std::make_unique<Request>(*this, number);
  {
    const std::lock_guard lock(mutex_);
    if (lost_) return Lost();
    if (waiting_.size() >= max_waiting_) return Unavailable("too many requests to the key process");
    waiting_.emplace(number, request.get());
  }
  TRYV(channel_.Send(message->View()));
  return request;
}

size_t KeyLine::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_.size();
}

void KeyLine::Leave(uint64_t number) {
  const std::lock_guard lock(mutex_);
  waiting_.erase(number);
}

Result<SecretBytes> KeyLine::Await(Request& request, SteadyTime deadline) {
  std::unique_lock lock(mutex_);
  request.answered_.wait_until(lock, deadline, [&] { return request.answer_ || lost_; });
  if (request.answer_) return *std::move(request.answer_);
  if (lost_) return Lost();
  return Unavailable("the key process does not answer in time");
}

KeyLine::Heard KeyLine::Receive(SecretBytes& room, KeyMessage& notice) {
  ByteView message;
  switch (channel_.Receive(room, message)) {
    case Channel::Receipt::kNothing:
      return Heard::kNothing;
    case Channel::Receipt::kClosed:
      return Heard::kLost;
    case Channel::Receipt::kMessage:
      break;
  }
  ByteView rest;
  auto read = ReadKeyMessage(message, rest);
  if (!read) return Heard::kLost;
  if (read->notice != Notice::kAnswer) {
    notice = *std::move(read);
    return Heard::kNotice;
  }
  SecretBytes answer(rest);
  Wipe(room.data(), message.size());
  const std::lock_guard lock(mutex_);
  // One that nobody waits for any more came too late; numbers that were never given are as good as that.
  const auto found = waiting_.find(read->number);
  if (found != waiting_.end()) {
    found->second->answer_ = std::move(answer);
    found->second->answered_.notify_one();
  }
  return Heard::kAnswer;
}

void KeyLine::Lose() {
  channel_.Shut();
  const std::lock_guard lock(mutex_);
  lost_ = true;
  for (const auto& [number, request] : waiting_) request->answered_.notify_one();
}

}  // namespace claviger::daemon
