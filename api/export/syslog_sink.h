#pragma once
// The audit log to a syslog receiver over TLS (RFC 5425).
//
// Syslog has no acknowledgements. A checkpoint counts as arrived once the receiver's kernel has acknowledged
// every byte of it and the connection has then lasted for kSettle longer: a receiver that dies loses what it
// had not read, and what was sent in its last seconds is sent again. What it takes and keeps unread for
// longer than that, and then loses, is lost; the sequence numbers in the records show it.

#include <deque>

#include "api/export/sink.h"
#include "api/export/tls_channel.h"
#include "base/clock.h"

namespace claviger::api {

class SyslogSink final : public Sink {
 public:
  static constexpr std::chrono::seconds kSettle{5};

  SyslogSink(TlsChannelConfig config, const Clock& clock);
  Status Deliver(const ExportBatch& batch) override;
  Result<uint64_t> Confirmed() override;
  void Reset() override;
  void Abort() override { aborted_ = true; }

 private:
  Status Send(const std::string& frames);

  const TlsChannelConfig config_;
  const Clock& clock_;
  const std::string host_;
  std::atomic<bool> aborted_{false};
  std::unique_ptr<TlsChannel> channel_;  // null: not connected
  struct Sent {
    uint64_t checkpoint;
    uint64_t bytes;  // of this connection, up to and with the checkpoint
    SteadyTime at;
  };
  std::deque<Sent> sent_;
  uint64_t bytes_ = 0;  // sent over this connection, without what TLS adds
  uint64_t confirmed_ = 0;
};

}  // namespace claviger::api
