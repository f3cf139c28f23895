#pragma once
// The real randomness: OpenSSL's private DRBG. Construct it before a PKCS#11 module is loaded: SoftHSM may
// put an engine of its own in front of RAND_bytes; the constructor pins OpenSSL's method and `IsPinned`
// asserts it.

#include "base/random.h"

namespace claviger::crypto {

class SystemRandom final : public Random {
 public:
  SystemRandom();
  void Fill(std::span<uint8_t> out) override;
  // True while RAND_bytes still goes to OpenSSL's own generator.
  static bool IsPinned();
};

}  // namespace claviger::crypto
