#include "api/export/live_export.h"

#include <algorithm>

namespace claviger::api {
namespace {

constexpr std::chrono::milliseconds kInterval{500};
constexpr std::chrono::milliseconds kLongestPause{30'000};
// Checkpoints that were sent and may have to be sent again.
constexpr uint64_t kMaxAhead = 1000;

}  // namespace

LiveExport::LiveExport(std::string name, Sink& sink, const Parts& parts)
    : name_(std::move(name)), sink_(sink), parts_(parts), holder_(NewUuidV7(parts.clock, parts.random)) {
  lag_.name = name_;
}

LiveExport::~LiveExport() {
  thread_.RequestStop();
  sink_.Abort();
  thread_.Stop();
  if (!sending_) return;
  if (auto lease = parts_.pool.Acquire()) (void)export_store::Release(*lease.value(), name_, holder_);
}

void LiveExport::Start() {
  thread_.Start([this] { Loop(); });
}

ExportLag LiveExport::Lag() const {
  const std::lock_guard lock(mutex_);
  return lag_;
}

void LiveExport::StartOver() {
  sink_.Reset();
  sent_ = 0;
}

// Renews early: a delivery may take its time.
Result<bool> LiveExport::Hold(schema::Connection& connection) {
  if (sending_ && parts_.clock.Steady() < renew_at_) return true;
  const SteadyTime begun = parts_.clock.Steady();
  TRY(const bool held, export_store::Claim(connection, name_, holder_, kLease));
  if (held != sending_) StartOver();
  sending_ = held;
  renew_at_ = begun + kLease / 3;
  return held;
}

Status LiveExport::Confirm(schema::Connection& connection, uint64_t& arrived) {
  TRY(const uint64_t confirmed, sink_.Confirmed());
  if (confirmed <= arrived) return Ok();
  TRY(const bool held, export_store::Advance(connection, name_, holder_, confirmed));
  if (!held) {
    sending_ = false;
    return Unavailable("another node sends now");
  }
  arrived = confirmed;
  return Ok();
}

Result<bool> LiveExport::Step() {
  TRY(auto lease, parts_.pool.Acquire());
  TRY(const bool held, Hold(*lease));
  TRY(auto position, export_store::Look(*lease, name_));
  Tell(position);
  if (!held) return false;
  TRYV(Confirm(*lease, position.checkpoint));
  sent_ = std::max(sent_, position.checkpoint);
  if (sent_ >= position.newest || sent_ - position.checkpoint >= kMaxAhead) return false;

  TRY(const auto batch, export_store::LoadSealed(*lease, sent_));
  if (batch.sealed.empty()) return false;
  TRYV(sink_.Deliver(batch));
  sent_ = batch.sealed.back().checkpoint.number;
  TRYV(Confirm(*lease, position.checkpoint));
  return sent_ < position.newest;
}

void LiveExport::Tell(const export_store::Position& position) {
  const std::lock_guard lock(mutex_);
  lag_.sending = sending_;
  lag_.behind_checkpoints = position.newest - std::min(position.checkpoint, position.newest);
  const auto waited = position.waits_since ? position.now - *position.waits_since : Time::duration{};
  lag_.behind_seconds = std::max<int64_t>(0, std::chrono::floor<std::chrono::seconds>(waited).count());
}

void LiveExport::Report(const Status& stepped) {
  if (!stepped && !failing_) {
    parts_.log.Failure("the audit log cannot be exported; it waits", stepped.error(), {{"to", name_}});
  } else if (stepped && failing_) {
    parts_.log.Info("the audit log is exported again", {{"to", name_}});
  }
  failing_ = !stepped;
}

void LiveExport::Loop() {
  auto pause = kInterval;
  while (!thread_.Stopping()) {
    const auto stepped = Step();
    if (!stepped) StartOver();
    const bool more = stepped && stepped.value();
    if (thread_.Stopping()) return;
    Report(stepped ? Status(Ok()) : Status(stepped.error()));
    pause = stepped ? kInterval : std::min(2 * pause, kLongestPause);
    if (!more) thread_.Rest(pause);
  }
}

}  // namespace claviger::api
