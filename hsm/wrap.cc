#include "hsm/wrap.h"

namespace claviger::hsm {

Outcome<Bytes> WrapKey(Session& session, CK_OBJECT_HANDLE root, CK_OBJECT_HANDLE key) {
  CK_MECHANISM mechanism{CKM_AES_KEY_WRAP, nullptr, 0};
  Bytes blob(kWrappedKekBytes + 24);  // no size query, so leave room for a module that asks for more
  CK_ULONG size = blob.size();
  TRYV(session.Call(&CK_FUNCTION_LIST::C_WrapKey, "C_WrapKey", &mechanism, root, key, blob.data(), &size));
  if (size != kWrappedKekBytes) {
    return Refused(ErrorKind::kInternal, "The module returned a wrapped key of unexpected length");
  }
  blob.resize(size);
  return blob;
}

}  // namespace claviger::hsm
