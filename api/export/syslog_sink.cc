#include "api/export/syslog_sink.h"

#include <unistd.h>

#include <array>

#include "api/export/syslog_message.h"

namespace claviger::api {
namespace {

constexpr size_t kBlockBytes = 64 * 1024;

std::string HostName() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

}  // namespace

SyslogSink::SyslogSink(TlsChannelConfig config, const Clock& clock)
    : config_(std::move(config)), clock_(clock), host_(HostName()) {}

void SyslogSink::Reset() {
  channel_.reset();
  sent_.clear();
  bytes_ = confirmed_ = 0;
}

Status SyslogSink::Send(const std::string& frames) {
  TRYV(channel_->Send(frames));
  bytes_ += frames.size();
  return Ok();
}

Status SyslogSink::Deliver(const ExportBatch& batch) {
  if (!channel_) {
    TRY(channel_, TlsChannel::Open(config_, aborted_));
  }
  for (const auto& [checkpoint, records] : batch.sealed) {
    std::string frames;
    for (const auto& record : records) {
      frames += SyslogFrame(record, host_);
      if (frames.size() < kBlockBytes) continue;
      TRYV(Send(frames));
      frames.clear();
    }
    TRYV(Send(frames + SyslogFrame(checkpoint, host_)));
    sent_.push_back({checkpoint.number, bytes_, clock_.Steady()});
  }
  return Ok();
}

Result<uint64_t> SyslogSink::Confirmed() {
  if (!channel_) return confirmed_;
  TRY(const size_t unacknowledged, channel_->Unacknowledged());
  const SteadyTime now = clock_.Steady();
  // TLS only adds bytes: if more was sent behind a checkpoint than is unacknowledged, the checkpoint is not.
  while (!sent_.empty() && sent_.front().at + kSettle <= now &&
         bytes_ - sent_.front().bytes >= unacknowledged) {
    confirmed_ = sent_.front().checkpoint;
    sent_.pop_front();
  }
  if (!sent_.empty() && sent_.front().at + kSettle + config_.timeout <= now) {
    return Unavailable("the receiver does not acknowledge what was sent");
  }
  return confirmed_;
}

}  // namespace claviger::api
