// RAND_set_rand_method and RAND_get_rand_method are deprecated in OpenSSL 3, and yet the only way to see and
// to undo what a PKCS#11 module does through the equally deprecated ENGINE interface.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "crypto/random.h"

#include <openssl/rand.h>

#include <array>
#include <cstdlib>
#include <limits>

#include "base/secret_bytes.h"

namespace claviger::crypto {

SystemRandom::SystemRandom() {
  if (RAND_set_rand_method(RAND_OpenSSL()) != 1) std::abort();
  // The first use makes OpenSSL settle on its generators; an engine that registers later comes too late.
  std::array<uint8_t, 32> first;
  if (RAND_bytes(first.data(), static_cast<int>(first.size())) != 1) std::abort();
  Fill(first);
  Wipe(first.data(), first.size());
  if (!IsPinned()) std::abort();
}

void SystemRandom::Fill(std::span<uint8_t> out) {
  if (out.size() > static_cast<size_t>(std::numeric_limits<int>::max())) std::abort();
  if (out.empty()) return;
  if (RAND_priv_bytes(out.data(), static_cast<int>(out.size())) != 1) std::abort();
}

bool SystemRandom::IsPinned() { return RAND_get_rand_method() == RAND_OpenSSL(); }

}  // namespace claviger::crypto
