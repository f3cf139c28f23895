#pragma once
// Randomness for ids, IVs and keys. The real one is crypto/random.h (OpenSSL's private DRBG); the twin for
// tests is tests/fakes/fake_random.h.

#include <cstdint>
#include <span>

namespace claviger {

class Random {
 public:
  virtual ~Random() = default;
  // Fills completely or aborts the process: a daemon without randomness must not go on.
  virtual void Fill(std::span<uint8_t> out) = 0;
};

}  // namespace claviger
