#pragma once
#include <cstdint>

namespace claviger::daemon {

// Which checkpoints of the audit log were signed, by whichever key process.
class CheckpointOrder {
 public:
  virtual ~CheckpointOrder() = default;
  // False for a number below the highest so far, which it becomes otherwise.
  virtual bool Advance(uint64_t checkpoint) = 0;
};

}  // namespace claviger::daemon
