#pragma once
// A keyring over the fault module over SoftHSM, with short time limits, and the switch for the faults.

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/hsm/backend.h"

namespace claviger::hsm::tests {

class Faults {
 public:
  Faults();
  ~Faults() { Clear(); }
  Faults(const Faults&) = delete;
  Faults& operator=(const Faults&) = delete;

  // Replaces all rules; syntax at the top of fault_module.cc.
  void Set(const std::string& rules);
  void Clear() { Set(""); }
  // How often the function was called, from the module's record.
  int Calls(const std::string& function) const;
  // The IVs given for AES-GCM encryptions so far, in hexadecimal.
  std::vector<std::string> Ivs() const;

 private:
  ScratchDirectory directory_;
  std::string file_;
  int version_ = 0;
};

// The fresh token through the fault module; a second of patience at most.
HsmConfig FaultyConfig();

// Waits for what must come; fails the test if it does not within 20 seconds.
void Await(const char* what, const std::function<bool()>& condition);

// Everything a test needs, with the installation's keys made and one vault key.
struct FaultFixture {
  Faults faults;
  Kit kit;
  HsmConfig config = FaultyConfig();
  std::unique_ptr<crypto::Keyring> keyring;
  crypto::WrappedKek kek;
  crypto::Keyring::NewDek dek;

  FaultFixture();
  void Reopen(const HsmConfig& changed);
  crypto::KekIdentity NewIdentity();
  Result<crypto::Dek> Open() { return keyring->OpenDek(kek, dek.sealed, Aad()); }
  bool Opens();
  void AwaitRecovery();
  crypto::KeyringHealth::State State() const { return keyring->Health().state; }
  static ByteView Aad() { return AsBytes("row"); }
};

}  // namespace claviger::hsm::tests
