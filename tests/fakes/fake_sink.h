#pragma once
// A receiver that keeps what it gets, and fails on demand.

#include "api/export/sink.h"

namespace claviger::fakes {

class FakeSink final : public api::Sink {
 public:
  Status Deliver(const api::ExportBatch& batch) override {
    for (const auto& [checkpoint, records] : batch.sealed) {
      if (fails) return Unavailable("the receiver is away");
      for (const auto& record : records) got.push_back(record);
      delivered = checkpoint.number;
      checkpoints.push_back(checkpoint.number);
    }
    ++deliveries;
    return Ok();
  }
  Result<uint64_t> Confirmed() override {
    if (lost) return Unavailable("the connection was lost");
    return confirms ? delivered : confirmed;
  }
  void Reset() override {
    delivered = confirmed = 0;
    lost = false;
    ++resets;
  }

  bool fails = false;
  bool lost = false;
  bool confirms = true;    // at once
  uint64_t confirmed = 0;  // else
  uint64_t delivered = 0;
  int deliveries = 0;
  int resets = 0;
  std::vector<crypto::AuditVerifier::LinkedRecord> got;
  std::vector<uint64_t> checkpoints;
};

}  // namespace claviger::fakes
