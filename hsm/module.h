#pragma once
// A PKCS#11 module in this process: loaded once, initialised and finalised any number of times.
//
// Every initialisation starts a new epoch. Handles carry the epoch in which they were made and are worthless
// in any other, so that a late destructor never closes a stranger that was given the same number.

#include <p11-kit/pkcs11.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "hsm/config.h"
#include "hsm/failure.h"

namespace claviger::hsm {

class Module {
 public:
  // The shared object stays mapped for the life of the process: modules leave atexit handlers and threads
  // behind.
  static Outcome<std::shared_ptr<Module>> Load(const HsmConfig& config);
  // Does not finalise: only a thread that knows no call is inside may do that.
  ~Module() = default;
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  // Neither may run while any other thread is inside the module; CallPool::RunAlone sees to that.
  Outcome<void> Initialize();
  void Finalize();

  // 0 while not initialised.
  uint64_t epoch() const { return epoch_.load(std::memory_order_acquire); }
  const CK_FUNCTION_LIST& functions() const { return *functions_; }
  // "SoftHSM 2.6"; empty before the first Initialize.
  const std::string& description() const { return description_; }

 private:
  Module(CK_FUNCTION_LIST* functions, std::string init_args)
      : functions_(functions), init_args_(std::move(init_args)) {}
  Outcome<void> ReadDescription();

  CK_FUNCTION_LIST* functions_;
  std::string init_args_;
  std::string description_;
  std::atomic<uint64_t> epoch_{0};
  uint64_t epochs_started_ = 0;
};

// PKCS#11 pads its texts with blanks (and some modules with zeros).
std::string TrimPadding(const unsigned char* text, size_t size);

}  // namespace claviger::hsm
