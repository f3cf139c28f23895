#include "hsm/owner_session.h"

#include "hsm/key_templates.h"

namespace claviger::hsm {

namespace {

// Losing this session loses every loaded key, so nothing less than a new connection helps.
Failure OfOwner(Failure failure) {
  if (failure.remedy == Remedy::kRetry) failure.remedy = Remedy::kReconnect;
  return failure;
}

Failure OfBlob(Failure failure) {
  const bool about_input = failure.rv == CKR_GENERAL_ERROR || failure.rv == CKR_FUNCTION_FAILED ||
                           failure.rv == CKR_WRAPPED_KEY_INVALID || failure.rv == CKR_WRAPPED_KEY_LEN_RANGE ||
                           failure.rv == CKR_DATA_LEN_RANGE || failure.rv == CKR_DATA_INVALID ||
                           failure.rv == CKR_ENCRYPTED_DATA_INVALID ||
                           failure.rv == CKR_ENCRYPTED_DATA_LEN_RANGE;
  if (about_input) failure.remedy = Remedy::kUnproven;
  return OfOwner(std::move(failure));
}

Failure Occupied() { return Failure{Remedy::kBusy, CKR_OK, "the owner session is occupied"}; }

}  // namespace

LoadedKey::~LoadedKey() { owner_->Destroy(handle_); }

OwnerSession::Turn::Turn(OwnerSession& owner) : owner_(owner) {
  std::unique_lock lock(owner_.mutex_);
  mine_ = owner_.freed_.wait_for(lock, owner_.patience_, [this] { return !owner_.occupied_; });
  if (mine_) owner_.occupied_ = true;
}

OwnerSession::Turn::~Turn() {
  if (!mine_) return;
  {
    const std::lock_guard lock(owner_.mutex_);
    owner_.occupied_ = false;
  }
  owner_.freed_.notify_one();
}

Outcome<std::shared_ptr<const LoadedKey>> OwnerSession::Unwrap(CK_OBJECT_HANDLE root, ByteView blob) {
  CK_MECHANISM mechanism{CKM_AES_KEY_WRAP, nullptr, 0};
  Template key = LoadedKekTemplate();
  CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
  {
    const Turn turn(*this);
    if (!turn) return Occupied();
    auto unwrapped = session_.Call(&CK_FUNCTION_LIST::C_UnwrapKey, "C_UnwrapKey", &mechanism, root,
                                   const_cast<uint8_t*>(blob.data()), CK_ULONG{blob.size()}, key.data(),
                                   key.size(), &handle);
    if (!unwrapped) return OfBlob(unwrapped.error());
  }
  return std::make_shared<const LoadedKey>(shared_from_this(), handle);
}

Outcome<std::shared_ptr<const LoadedKey>> OwnerSession::Generate() {
  CK_MECHANISM mechanism{CKM_AES_KEY_GEN, nullptr, 0};
  Template key = NewKekTemplate();
  CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
  {
    const Turn turn(*this);
    if (!turn) return Occupied();
    auto generated = session_.Call(&CK_FUNCTION_LIST::C_GenerateKey, "C_GenerateKey", &mechanism, key.data(),
                                   key.size(), &handle);
    if (!generated) return OfOwner(generated.error());
  }
  return std::make_shared<const LoadedKey>(shared_from_this(), handle);
}

// After a reconnect the session belongs to a past epoch and the module must not see its handles.
void OwnerSession::Destroy(CK_OBJECT_HANDLE handle) {
  const Turn turn(*this);
  // A key that cannot be destroyed now dies with the session.
  if (turn && session_.alive())
    (void)session_.Call(&CK_FUNCTION_LIST::C_DestroyObject, "C_DestroyObject", handle);
}

}  // namespace claviger::hsm
