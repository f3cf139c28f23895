#pragma once
// The PKCS#11 implementation a test binary runs against: softhsm_backend.cc or nss_backend.cc is linked in.
// Each binary has one fresh token in a directory of its own.

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/log.h"
#include "crypto/random.h"
#include "hsm/config.h"
#include "hsm/pkcs11_keyring.h"

namespace claviger::hsm::tests {

// Removed with everything in it.
class ScratchDirectory {
 public:
  ScratchDirectory();
  ~ScratchDirectory();
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  const std::string& path() const { return path_; }
  // Writes a file with that mode and returns its path.
  std::string Write(const std::string& name, const std::string& content, unsigned mode = 0600) const;

 private:
  std::string path_;
};

// A fresh token; made at first use, gone with the process.
const HsmConfig& FreshToken();
std::string TokenDirectory();

// What a keyring needs from outside, and the keyring.
struct Kit {
  SystemClock clock;
  crypto::SystemRandom random;
  Log log{LogLevel::kError};

  // The installation's keys exist afterwards.
  void Initialize(const HsmConfig& config);
  std::unique_ptr<crypto::Keyring> Open(const HsmConfig& config);
};

std::string Read(const std::string& path);

}  // namespace claviger::hsm::tests
