#include "daemon/key_process/key_process.h"

#include <algorithm>

#include "daemon/key_process/build_id.h"

namespace claviger::daemon {
namespace {

using std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;

// How often the thread that receives looks at the time, and the longest that a full channel holds a sender
// up.
constexpr milliseconds kTick{250};
constexpr milliseconds kFirstBackoff{100};
constexpr milliseconds kLongestBackoff{30'000};
// Requests are let wait for a process that comes as soon as this.
constexpr milliseconds kShortBackoff{500};
// A process that served this long was a good one: the next is started without a pause.
constexpr milliseconds kProven{10'000};
// Two pulses are missing.
constexpr milliseconds kLate{1000};

milliseconds Longer(milliseconds backoff) { return std::clamp(2 * backoff, kFirstBackoff, kLongestBackoff); }

}  // namespace

KeyProcess::KeyProcess(uint32_t seat, const Limits& limits, Starter& starter, const Clock& clock,
                       const Log& log)
    : seat_(seat), limits_(limits), starter_(starter), clock_(clock), log_(log) {}

KeyProcess::~KeyProcess() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    if (line_) line_->Lose();
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Status KeyProcess::Open() {
  TRY(auto line, Start());
  const std::lock_guard lock(mutex_);
  line_ = std::move(line);
  state_ = State::kServing;
  serving_since_ = Steady::now();
  ++starts_;
  return Ok();
}

void KeyProcess::Watch() { thread_ = std::thread(&KeyProcess::Run, this); }

Result<KeyProcess::LinePtr> KeyProcess::Start() {
  TRY(auto started, starter_.Start(seat_));
  {
    const std::lock_guard lock(mutex_);
    process_ = started.process;
    before_ = std::move(started.before);
    heard_at_ = Steady::now();
    if (stopping_) return Unavailable("stopping");
  }
  TRYV(started.channel.LimitWaits(kTick));
  auto line = std::make_shared<KeyLine>(std::move(started.channel), limits_.waiting);
  const Status ready = AwaitReady(*line);
  if (!ready) {
    line->Lose();
    return ready.error();
  }
  return line;
}

Status KeyProcess::AwaitReady(KeyLine& line) {
  const auto deadline = Steady::now() + limits_.start;
  bool greeted = false;
  while (Steady::now() < deadline) {
    KeyMessage message;
    const auto heard = line.Receive(room_, message);
    if (heard == KeyLine::Heard::kLost) return Unavailable("the key process ended while it started");
    const std::lock_guard lock(mutex_);
    if (stopping_) return Unavailable("stopping");
    if (heard == KeyLine::Heard::kNothing) {
      if (Steady::now() - heard_at_ > limits_.silence)
        return Unavailable("the key process hangs while it starts");
      continue;
    }
    heard_at_ = Steady::now();
    switch (message.notice) {
      case Notice::kHello:
        if (message.build_id != BuildId()) return Internal("the key process is of another build");
        greeted = true;
        break;
      case Notice::kReady:
        if (!greeted) return Internal("the key process does not say what it is");
        return Ok();
      case Notice::kRefused:
        return message.error;
      case Notice::kHealth:
        Note(message.health);
        break;
      case Notice::kAnswer:
        return Internal("the key process answers before it is ready");
    }
  }
  return Unavailable("the key process does not get ready");
}

void KeyProcess::Run() {
  for (;;) {
    LinePtr line;
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
      line = line_;
    }
    Listen(*line);
    line->Lose();
    Return();
  }
}

// Until the line is lost, or silent for too long.
void KeyProcess::Listen(KeyLine& line) {
  for (;;) {
    KeyMessage message;
    const auto heard = line.Receive(room_, message);
    if (heard == KeyLine::Heard::kLost) return;
    const std::lock_guard lock(mutex_);
    TellToForget();
    const auto now = Steady::now();
    if (heard == KeyLine::Heard::kNothing) {
      if (now - heard_at_ > limits_.silence) return;
      continue;
    }
    heard_at_ = now;
    if (heard == KeyLine::Heard::kNotice && message.notice == Notice::kHealth) Note(message.health);
  }
}

// The newest failure stays, though it was of a process before this one.
void KeyProcess::Note(const crypto::KeyringHealth& health) {
  const auto [last_error, last_error_at] = std::pair(health_.last_error, health_.last_error_at);
  health_ = health;
  if (health_.last_error_at >= last_error_at) return;
  health_.last_error = last_error;
  health_.last_error_at = last_error_at;
}

void KeyProcess::Return() {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    const bool proven = Steady::now() - serving_since_ >= kProven;
    backoff_ = proven ? milliseconds(0) : Longer(backoff_);
    line_.reset();
    to_forget_.clear();  // the next one has no handles
    state_ = backoff_ <= kShortBackoff ? State::kReturning : State::kAway;
    generations_before_ += std::exchange(health_.generation, 0);
    const bool silent = Steady::now() - heard_at_ > limits_.silence;
    log_.Failure("key_process_lost", {{"seat", std::to_string(seat_)},
                                      {"pid", std::to_string(process_)},
                                      {"why", silent ? "it hangs" : "it ended"}});
  }
  while (Pause(backoff_)) {
    auto line = Start();
    if (line) {
      const std::lock_guard lock(mutex_);
      line_ = std::move(line).value();
      state_ = State::kServing;
      serving_since_ = Steady::now();
      ++starts_;
      log_.Info("key_process_serves_again",
                {{"seat", std::to_string(seat_)}, {"pid", std::to_string(process_)}, {"before", before_}});
      changed_.notify_all();
      return;
    }
    GoAway(line.error());
    backoff_ = Longer(backoff_);
  }
}

void KeyProcess::GoAway(const Error& error) {
  const std::lock_guard lock(mutex_);
  if (stopping_) return;
  if (state_ != State::kAway) {
    log_.Failure("key_process_does_not_start", error, {{"seat", std::to_string(seat_)}, {"before", before_}});
  }
  state_ = State::kAway;
  health_.last_error = error.cause.empty() ? error.detail : error.cause;
  health_.last_error_at = clock_.Now();
  changed_.notify_all();
}

// False if it is to end.
bool KeyProcess::Pause(milliseconds time) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, time, [this] { return stopping_; });
  return !stopping_;
}

bool KeyProcess::serving() const {
  const std::lock_guard lock(mutex_);
  return state_ == State::kServing;
}

std::optional<size_t> KeyProcess::load() const {
  const std::lock_guard lock(mutex_);
  return state_ == State::kServing ? std::optional(line_->waiting()) : std::nullopt;
}

Result<KeyProcess::LinePtr> KeyProcess::Current(SteadyTime deadline) {
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, deadline, [this] { return stopping_ || state_ != State::kReturning; });
  if (state_ == State::kServing && !stopping_) return line_;
  return Unavailable("the key process is away");
}

void KeyProcess::Forget(const VaultId& vault) {
  const std::lock_guard lock(mutex_);
  if (state_ != State::kServing || to_forget_.size() == kMaxToForget) return;
  to_forget_.push_back(vault);
  TellToForget();
}

void KeyProcess::TellToForget() {
  const auto write = [this](WireWriter& wire) { PassId(wire, to_forget_.front().uuid); };
  while (!to_forget_.empty() && line_->Tell(Verb::kForgetKeks, write)) to_forget_.pop_front();
}

crypto::KeyringHealth KeyProcess::Health() const {
  const std::lock_guard lock(mutex_);
  crypto::KeyringHealth health = health_;
  using Health = crypto::KeyringHealth::State;
  health.generation += generations_before_;
  if (state_ != State::kServing) {
    health.state = Health::kUnavailable;
    health.sessions_total = health.sessions_in_use = health.cached_keks = 0;
    if (state_ == State::kReturning) health.last_error = "the key process is being replaced";
  } else if (health.state == Health::kOk && Steady::now() - heard_at_ > kLate) {
    health.state = Health::kDegraded;
  }
  return health;
}

api::KeyProcessReport KeyProcess::Report() const {
  const std::lock_guard lock(mutex_);
  const bool serves = state_ == State::kServing;
  return {seat_, serves, starts_, serves ? line_->waiting() : 0};
}

}  // namespace claviger::daemon
