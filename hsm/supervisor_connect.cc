// How the Supervisor makes connections, and what it does when one is made or lost.

#include <algorithm>
#include <array>
#include <utility>

#include "hsm/supervisor.h"

namespace claviger::hsm {

namespace {

using std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;

constexpr milliseconds kFirstBackoff{100};
// A connection that held this long was a good one: the next loss starts with a short backoff again.
constexpr milliseconds kProvenUptime{10'000};
// Starting a module, logging in and finding keys takes longer than one operation.
constexpr int kConnectTimeoutFactor = 4;

}  // namespace

CallPool::Ending Supervisor::TryConnect(Outcome<ConnectionPtr>& result) {
  auto call = std::make_shared<ConnectCall>([module = module_, config = config_, kinship = kinship_] {
    return Connection::Open(module, config, *kinship);
  });
  const auto now = Steady::now();
  const auto ending = pool_.RunAlone(call, now + config_.operation_timeout,
                                     now + kConnectTimeoutFactor * config_.operation_timeout);
  if (ending == CallPool::Ending::kDone) result = call->Take();
  if (ending == CallPool::Ending::kHung) {
    const std::lock_guard lock(mutex_);
    late_connect_ = call;
  }
  return ending;
}

void Supervisor::Connect(std::unique_lock<std::mutex>& lock) {
  const auto now = Steady::now();
  if (state_ == State::kUp && now - up_since_ < kProvenUptime && backoff_ > milliseconds::zero()) {
    // Lost again at once: a device that only pretends to recover must not see a storm of logins.
    GoDown(State::kDown, last_failure_);
    return;
  }
  if (now - up_since_ >= kProvenUptime && state_ == State::kUp) backoff_ = milliseconds::zero();
  state_ = State::kConnecting;
  lost_ = false;
  lock.unlock();
  Outcome<ConnectionPtr> result = HangFailure();
  const auto ending = TryConnect(result);
  lock.lock();
  if (ending == CallPool::Ending::kDone) {
    ConnectEnded(std::move(result));
  } else if (ending == CallPool::Ending::kHung) {
    GoDown(State::kHung, HangFailure());
  } else {
    // Calls are stuck inside, so nobody may finalise: try again when one comes back or later.
    GoDown(State::kDown, HangFailure());
  }
}

void Supervisor::AdoptLateConnection() {
  if (!late_connect_->done()) {
    next_probe_ = Steady::now() + kHungProbeInterval;
    return;
  }
  ConnectEnded(std::exchange(late_connect_, nullptr)->Take());
}

void Supervisor::ConnectEnded(Outcome<ConnectionPtr> result) {
  if (result) {
    connection_ = std::move(result).value();
    GoUp();
  } else {
    const bool refused = result.error().remedy == Remedy::kOperator;
    GoDown(refused ? State::kPinRefused : State::kDown, result.error());
  }
}

void Supervisor::GoUp() {
  const bool new_connection = state_ != State::kHung || lost_;
  state_ = State::kUp;
  lost_ = false;
  up_since_ = Steady::now();
  next_probe_ = up_since_ + config_.probe_interval;
  if (new_connection) ++health_.generation;
  health_.provider = module_->description();
  health_.token_label = connection_->token().label;
  health_.token_serial = connection_->token().serial;
  health_.last_ok_at = clock_.Now();
  if (std::exchange(outage_logged_, false)) {
    log_.Info("hsm_recovered", {{"generation", std::to_string(health_.generation)}});
  }
  doubts_settled_ = doubts_raised_;
  settled_.notify_all();
}

// One line for each outage, however long it lasts and however often it is tried; a refused PIN is news of its
// own.
void Supervisor::GoDown(State state, const Failure& failure) {
  Note(failure);
  const bool news = !outage_logged_ || state == State::kPinRefused;
  state_ = state;
  lost_ = false;
  doubted_ = false;
  next_connect_ = Steady::now() + NextBackoff();
  if (news)
    log_.Failure(state == State::kPinRefused ? "hsm_pin_refused" : "hsm_unavailable", ToError(failure));
  outage_logged_ = true;
  doubts_settled_ = doubts_raised_;
  settled_.notify_all();
}

void Supervisor::Note(const Failure& failure) {
  last_failure_ = failure;
  health_.last_error = Describe(failure);
  health_.last_error_at = clock_.Now();
}

// Doubles up to the longest, and takes between half and all of it so that many nodes do not return in step.
milliseconds Supervisor::NextBackoff() {
  backoff_ = std::clamp(backoff_ * 2, kFirstBackoff, kLongestBackoff);
  std::array<uint8_t, 2> dice{};
  random_.Fill(dice);
  const int64_t part = dice[0] * 256 + dice[1];
  return backoff_ / 2 + backoff_ * part / (2 * 65536);
}

}  // namespace claviger::hsm
