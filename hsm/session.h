#pragma once
// One PKCS#11 session. Used by one thread at a time.

#include <p11-kit/pkcs11.h>

#include <memory>
#include <utility>

#include "hsm/failure.h"
#include "hsm/module.h"

namespace claviger::hsm {

enum class Access : uint8_t { kReadOnly, kReadWrite };  // token objects; session objects need neither

class Session {
 public:
  static Outcome<Session> Open(std::shared_ptr<Module> module, CK_SLOT_ID slot, Access access);
  // Closes, which destroys the session's objects. HSM threads only, unless the module was finalised since.
  ~Session() { Close(); }
  Session(Session&& other) noexcept
      : module_(std::move(other.module_)),
        epoch_(other.epoch_),
        handle_(other.handle_),
        broken_(other.broken_) {}
  Session& operator=(Session&& other) noexcept;

  // Calls one function of the list with this session in front. Anything but CKR_OK marks the session broken:
  // an operation may be left active in it, and no portable call would end that. A session of a past epoch
  // never reaches the module, where its number may be a stranger's by now.
  template <class... Parameters, class... Arguments>
  Outcome<void> Call(CK_RV (*CK_FUNCTION_LIST::*function)(CK_SESSION_HANDLE, Parameters...), const char* name,
                     Arguments... arguments) {
    if (!alive()) return Failure{Remedy::kReconnect, CKR_SESSION_HANDLE_INVALID, name};
    const CK_RV rv = (module_->functions().*function)(handle_, arguments...);
    if (rv != CKR_OK) broken_ = true;
    return Check(rv, name);
  }

  // False once the module was finalised since.
  bool alive() const { return module_ != nullptr && module_->epoch() == epoch_; }
  bool broken() const { return broken_; }
  // For calls that leave nothing behind when they fail.
  void Forgive() { broken_ = false; }
  CK_SESSION_HANDLE handle() const { return handle_; }

 private:
  Session(std::shared_ptr<Module> module, CK_SESSION_HANDLE handle)
      : module_(std::move(module)), epoch_(module_->epoch()), handle_(handle) {}
  void Close();

  std::shared_ptr<Module> module_;  // empty after a move
  uint64_t epoch_;
  CK_SESSION_HANDLE handle_;
  bool broken_ = false;
};

}  // namespace claviger::hsm
