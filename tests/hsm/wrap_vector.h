#pragma once
// One test vector of a key wrapping algorithm, checked on the module by importing its keys as session
// objects.

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "tests/hsm/backend.h"
#include "tests/hsm/raw_module.h"

namespace claviger::hsm::tests {

struct Vector {
  const char* name;
  CK_MECHANISM_TYPE mechanism;
  const char* kek;
  const char* key;
  const char* wrapped;
};

inline CK_OBJECT_HANDLE Import(RawSession& raw, CK_KEY_TYPE type, const Bytes& value) {
  Template key;
  key.Number(CKA_CLASS, CKO_SECRET_KEY)
      .Number(CKA_KEY_TYPE, type)
      .Bool(CKA_TOKEN, false)
      .Bool(CKA_SENSITIVE, false)
      .Bool(CKA_EXTRACTABLE, true)
      .Bool(CKA_WRAP, true)
      .Bool(CKA_UNWRAP, true)
      .Data(CKA_VALUE, value);
  CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
  REQUIRE(raw.ck.C_CreateObject(raw.handle, key.data(), key.size(), &handle) == CKR_OK);
  return handle;
}

inline Bytes Value(RawSession& raw, CK_OBJECT_HANDLE key) {
  Bytes value(64);
  CK_ATTRIBUTE attribute{CKA_VALUE, value.data(), value.size()};
  REQUIRE(raw.ck.C_GetAttributeValue(raw.handle, key, &attribute, 1) == CKR_OK);
  value.resize(attribute.ulValueLen);
  return value;
}

// Both directions, and that one flipped bit is refused.
inline void CheckVector(RawSession& raw, const Vector& vector) {
  INFO(vector.name);
  const CK_OBJECT_HANDLE kek = Import(raw, CKK_AES, *HexDecode(vector.kek));
  const CK_OBJECT_HANDLE key = Import(raw, CKK_GENERIC_SECRET, *HexDecode(vector.key));
  CK_MECHANISM mechanism{vector.mechanism, nullptr, 0};
  Bytes wrapped(128);
  CK_ULONG size = wrapped.size();
  REQUIRE(raw.ck.C_WrapKey(raw.handle, &mechanism, kek, key, wrapped.data(), &size) == CKR_OK);
  wrapped.resize(size);
  CHECK(HexEncode(wrapped) == std::string(vector.wrapped));

  Template readable;
  readable.Number(CKA_CLASS, CKO_SECRET_KEY)
      .Number(CKA_KEY_TYPE, CKK_GENERIC_SECRET)
      .Bool(CKA_TOKEN, false)
      .Bool(CKA_SENSITIVE, false)
      .Bool(CKA_EXTRACTABLE, true);
  CK_OBJECT_HANDLE again = CK_INVALID_HANDLE;
  REQUIRE(raw.ck.C_UnwrapKey(raw.handle, &mechanism, kek, wrapped.data(), wrapped.size(), readable.data(),
                             readable.size(), &again) == CKR_OK);
  CHECK(HexEncode(Value(raw, again)) == std::string(vector.key));
  wrapped[3] ^= 1;
  CHECK(raw.ck.C_UnwrapKey(raw.handle, &mechanism, kek, wrapped.data(), wrapped.size(), readable.data(),
                           readable.size(), &again) != CKR_OK);
}

struct OpenToken {
  Kit kit;
  std::unique_ptr<crypto::Keyring> keyring;
  std::optional<RawSession> raw;

  OpenToken() {
    kit.Initialize(FreshToken());
    keyring = kit.Open(FreshToken());
    raw.emplace(FreshToken());
  }
};

}  // namespace claviger::hsm::tests
