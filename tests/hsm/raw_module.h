#pragma once
// Bare PKCS#11, as an attacker or an operator's tool would use it. The module is shared with the keyring of
// the same process, so while a keyring is open a session here is logged in: exactly what an attacker with the
// PIN has.

#include <dlfcn.h>
#include <doctest/doctest.h>
#include <p11-kit/pkcs11.h>

#include <optional>
#include <string>

#include "hsm/config.h"
#include "hsm/module.h"
#include "hsm/template.h"

namespace claviger::hsm::tests {

inline const CK_FUNCTION_LIST& RawFunctions(const std::string& path) {
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  REQUIRE(library != nullptr);
  const auto get = reinterpret_cast<CK_RV (*)(CK_FUNCTION_LIST**)>(dlsym(library, "C_GetFunctionList"));
  CK_FUNCTION_LIST* list = nullptr;
  REQUIRE(get(&list) == CKR_OK);
  return *list;
}

class RawSession {
 public:
  explicit RawSession(const HsmConfig& config) : ck(RawFunctions(config.module_path)) {
    CK_SLOT_ID slots[16];
    CK_ULONG count = 16;
    REQUIRE(ck.C_GetSlotList(CK_TRUE, slots, &count) == CKR_OK);
    for (CK_ULONG i = 0; i < count && handle == CK_INVALID_HANDLE; ++i) {
      CK_TOKEN_INFO info{};
      REQUIRE(ck.C_GetTokenInfo(slots[i], &info) == CKR_OK);
      if (TrimPadding(info.label, sizeof info.label) != config.token_labels[0]) continue;
      REQUIRE(ck.C_OpenSession(slots[i], CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr, &handle) ==
              CKR_OK);
    }
    REQUIRE(handle != CK_INVALID_HANDLE);
  }
  ~RawSession() { ck.C_CloseSession(handle); }
  RawSession(const RawSession&) = delete;
  RawSession& operator=(const RawSession&) = delete;

  CK_OBJECT_HANDLE Find(CK_OBJECT_CLASS object_class, const std::string& label) const {
    Template match;
    match.Number(CKA_CLASS, object_class).Text(CKA_LABEL, label);
    CK_OBJECT_HANDLE found = CK_INVALID_HANDLE;
    CK_ULONG count = 0;
    REQUIRE(ck.C_FindObjectsInit(handle, match.data(), match.size()) == CKR_OK);
    REQUIRE(ck.C_FindObjects(handle, &found, 1, &count) == CKR_OK);
    REQUIRE(ck.C_FindObjectsFinal(handle) == CKR_OK);
    return count == 1 ? found : CK_INVALID_HANDLE;
  }

  const CK_FUNCTION_LIST& ck;
  CK_SESSION_HANDLE handle = CK_INVALID_HANDLE;
};

}  // namespace claviger::hsm::tests
