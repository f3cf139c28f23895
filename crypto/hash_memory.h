#pragma once
// The memory that a password hash fills. A thread that hashes keeps it from one hash to the next: to map,
// fault in and unmap tens of MiB for each costs about a third of the hash, and holds up the other threads of
// the process.

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

namespace claviger::crypto {

class HashMemory {
 public:
  static constexpr size_t kMaxKept = size_t{64} << 20;  // bytes; what a costlier hash takes goes with it

  // Of the calling thread; goes with it.
  static HashMemory& OfThisThread();

  HashMemory() = default;
  ~HashMemory() { Unmap(); }
  HashMemory(const HashMemory&) = delete;
  HashMemory& operator=(const HashMemory&) = delete;

  // At least that many bytes, of any content, until GiveBack; nullptr if there are none or they are taken
  // already. Left out of core dumps.
  uint8_t* Take(size_t bytes);
  // The taker has wiped it.
  void GiveBack();
  ByteView kept() const { return {data_, size_}; }

 private:
  void Unmap();

  uint8_t* data_ = nullptr;
  size_t size_ = 0;
  bool taken_ = false;
};

}  // namespace claviger::crypto
