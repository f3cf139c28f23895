#include "hsm/supervisor.h"

#include <algorithm>
#include <utility>

namespace claviger::hsm {

namespace {

using Steady = std::chrono::steady_clock;

constexpr int kFirstConnectTries = 4;

}  // namespace

Failure Supervisor::HangFailure() {
  return Failure{Remedy::kDoubt, CKR_OK, "a call into the module does not return"};
}

Supervisor::Supervisor(const HsmConfig& config, std::shared_ptr<Module> module, CallPool& pool,
                       const Clock& clock, Random& random, const Log& log)
    : config_(config),
      module_(std::move(module)),
      pool_(pool),
      clock_(clock),
      random_(random),
      log_(log),
      last_failure_(HangFailure()) {}

Supervisor::~Supervisor() { Stop(); }

// Processes that start on one token at the same moment can miss it for an instant, so a first miss is not
// final; a refused PIN is.
Outcome<void> Supervisor::Start() {
  pool_.OnReturn([this] {
    const std::lock_guard lock(mutex_);
    call_returned_ = true;
    wake_.notify_one();
  });
  for (int attempt = 1;; ++attempt) {
    Outcome<ConnectionPtr> result = HangFailure();
    if (TryConnect(result) != CallPool::Ending::kDone) {
      return Refused(ErrorKind::kUnavailable, "The PKCS#11 module does not answer");
    }
    if (result) {
      const std::lock_guard lock(mutex_);
      connection_ = std::move(result).value();
      GoUp();
      break;
    }
    const Failure& failure = result.error();
    const bool passing = failure.remedy == Remedy::kDoubt || failure.remedy == Remedy::kReconnect ||
                         failure.kind == ErrorKind::kNotFound;
    if (!passing || failure.remedy == Remedy::kOperator || attempt == kFirstConnectTries) return failure;
    std::this_thread::sleep_for(NextBackoff());
  }
  thread_ = std::thread(&Supervisor::Run, this);
  return Ok();
}

void Supervisor::Stop() {
  pool_.OnReturn(nullptr);
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  settled_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Failure Supervisor::DownFailure() const {
  Failure failure = last_failure_;
  failure.remedy = state_ == State::kPinRefused ? Remedy::kOperator : Remedy::kReconnect;
  failure.sentence.clear();
  return failure;
}

Outcome<Supervisor::ConnectionPtr> Supervisor::Current(SteadyTime deadline) {
  std::unique_lock lock(mutex_);
  if (state_ == State::kUp && !lost_) return connection_;
  settled_.wait_until(lock, deadline,
                      [this] { return stopping_ || (state_ != State::kConnecting && !lost_); });
  if (state_ == State::kUp && !lost_ && !stopping_) return connection_;
  return DownFailure();
}

void Supervisor::Settle(const ConnectionPtr& connection, const Failure& failure, SteadyTime deadline) {
  std::unique_lock lock(mutex_);
  if (connection != connection_ || state_ != State::kUp) return;
  Note(failure);
  if (failure.remedy == Remedy::kReconnect) {
    lost_ = true;
    wake_.notify_one();
    return;  // Current waits
  }
  doubted_ = true;
  const uint64_t mine = ++doubts_raised_;
  wake_.notify_one();
  settled_.wait_until(lock, deadline, [&] { return stopping_ || doubts_settled_ >= mine; });
}

void Supervisor::ReportHang() {
  const std::lock_guard lock(mutex_);
  if (state_ != State::kUp) return;
  GoDown(State::kHung, HangFailure());
  call_returned_ = true;  // probe at once: perhaps only one session hangs
  wake_.notify_one();
}

void Supervisor::Run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const bool event = lost_ || doubted_ || call_returned_;
    if (!event || state_ == State::kPinRefused) {
      wake_.wait_until(lock, NextWake(), [this] { return stopping_ || lost_ || doubted_ || call_returned_; });
    }
    if (!stopping_) Step(lock);
  }
}

SteadyTime Supervisor::NextWake() const {
  switch (state_) {
    case State::kUp:
    case State::kHung:
      return next_probe_;
    case State::kDown:
    case State::kConnecting:
      return next_connect_;
    case State::kPinRefused:
      break;
  }
  return Steady::now() + kLongestBackoff;
}

void Supervisor::Step(std::unique_lock<std::mutex>& lock) {
  const bool returned = std::exchange(call_returned_, false);
  if (late_connect_ != nullptr) return AdoptLateConnection();
  const auto now = Steady::now();
  switch (state_) {
    case State::kUp:
      if (lost_) return Connect(lock);
      if (doubted_ || now >= next_probe_) Probe(lock);
      return;
    case State::kHung:
      if (returned || now >= next_probe_) Probe(lock);
      return;
    case State::kDown:
    case State::kConnecting:
      if (now >= next_connect_) Connect(lock);
      return;
    case State::kPinRefused:
      return;
  }
}

void Supervisor::Probe(std::unique_lock<std::mutex>& lock) {
  const uint64_t raised = doubts_raised_;
  doubted_ = false;
  probing_since_ = Steady::now();
  const ConnectionPtr connection = connection_;
  lock.unlock();
  auto call = std::make_shared<CallFor<Outcome<void>>>([connection] { return connection->Probe(); });
  const auto deadline = Steady::now() + config_.operation_timeout;
  const auto ending = pool_.Run(call, deadline, deadline, CallPool::Order::kFirst);
  lock.lock();
  probing_since_.reset();
  next_probe_ = Steady::now() + config_.probe_interval;
  if (ending != CallPool::Ending::kDone) {
    GoDown(State::kHung, HangFailure());
    next_probe_ = Steady::now() + kHungProbeInterval;
  } else if (const auto result = call->Take(); result) {
    health_.last_ok_at = clock_.Now();
    if (state_ == State::kHung) GoUp();
  } else {
    Note(result.error());
    lost_ = true;
    if (state_ == State::kHung) state_ = State::kUp;  // it answers; Connect takes over
  }
  doubts_settled_ = std::max(doubts_settled_, raised);
  settled_.notify_all();
}

crypto::KeyringHealth Supervisor::Health() const {
  const uint32_t hung = pool_.hung();
  const std::lock_guard lock(mutex_);
  crypto::KeyringHealth health = health_;
  using Health = crypto::KeyringHealth::State;
  const auto slow = config_.probe_interval + config_.operation_timeout / 5;
  const bool probe_is_slow = probing_since_ && Steady::now() - *probing_since_ > slow;
  const bool up = state_ == State::kUp && !lost_;
  health.state = !up ? Health::kUnavailable : (hung != 0 || probe_is_slow ? Health::kDegraded : Health::kOk);
  if (connection_ != nullptr) {
    health.sessions_total = connection_->sessions_total();
    health.sessions_in_use = connection_->sessions_in_use();
    health.cached_keks = connection_->cached_keks();
    health.newest_root = connection_->newest_root();
  }
  return health;
}

}  // namespace claviger::hsm
