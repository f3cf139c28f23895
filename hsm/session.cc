#include "hsm/session.h"

namespace claviger::hsm {

Outcome<Session> Session::Open(std::shared_ptr<Module> module, CK_SLOT_ID slot, Access access) {
  CK_FLAGS flags = CKF_SERIAL_SESSION;
  if (access == Access::kReadWrite) flags |= CKF_RW_SESSION;
  CK_SESSION_HANDLE handle = CK_INVALID_HANDLE;
  TRYV(Check(module->functions().C_OpenSession(slot, flags, nullptr, nullptr, &handle), "C_OpenSession"));
  return Session(std::move(module), handle);
}

Session& Session::operator=(Session&& other) noexcept {
  if (this != &other) {
    Close();
    module_ = std::move(other.module_);
    epoch_ = other.epoch_;
    handle_ = other.handle_;
    broken_ = other.broken_;
  }
  return *this;
}

void Session::Close() {
  if (alive()) module_->functions().C_CloseSession(handle_);
  module_.reset();
}

}  // namespace claviger::hsm
