// What somebody who is logged in to the token, and reads the database, still cannot do. SoftHSM enforces all
// of it.

#include <doctest/doctest.h>

#include <algorithm>
#include <array>

#include "tests/hsm/backend.h"
#include "tests/hsm/raw_module.h"

using namespace claviger;
using namespace claviger::hsm;
using namespace claviger::hsm::tests;

namespace {

struct Attack {
  Kit kit;
  HsmConfig config = FreshToken();
  std::unique_ptr<crypto::Keyring> keyring;
  std::optional<RawSession> raw;
  crypto::WrappedKek kek;

  Attack() {
    kit.Initialize(config);
    keyring = kit.Open(config);
    raw.emplace(config);
    kek = keyring
              ->GenerateKek(
                  {OrgId{NewUuidV7(kit.clock, kit.random)}, VaultId{NewUuidV7(kit.clock, kit.random)}, 1})
              .value();
  }
  CK_OBJECT_HANDLE Root() const { return raw->Find(CKO_SECRET_KEY, "claviger-root-v1"); }
  CK_RV Unwrap(Template key, CK_MECHANISM_TYPE type = CKM_AES_KEY_WRAP) {
    CK_MECHANISM mechanism{type, nullptr, 0};
    CK_OBJECT_HANDLE unwrapped = CK_INVALID_HANDLE;
    return raw->ck.C_UnwrapKey(raw->handle, &mechanism, Root(), kek.blob.data(), kek.blob.size(), key.data(),
                               key.size(), &unwrapped);
  }
  CK_RV Set(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, bool value) {
    Template change;
    change.Bool(type, value);
    return raw->ck.C_SetAttributeValue(raw->handle, object, change.data(), change.size());
  }
};

Template KekTemplate(bool extractable, bool sensitive, bool token, bool wrap) {
  Template key;
  key.Number(CKA_CLASS, CKO_SECRET_KEY)
      .Number(CKA_KEY_TYPE, CKK_AES)
      .Bool(CKA_TOKEN, token)
      .Bool(CKA_SENSITIVE, sensitive)
      .Bool(CKA_EXTRACTABLE, extractable)
      .Bool(CKA_WRAP, wrap)
      .Bool(CKA_DECRYPT, true);
  return key;
}

}  // namespace

TEST_CASE_FIXTURE(Attack, "A vault key can be unwrapped only as a sensitive, non-extractable session key") {
  CHECK(Unwrap(KekTemplate(false, true, false, false)) == CKR_OK);
  CHECK(Unwrap(KekTemplate(true, true, false, false)) == CKR_TEMPLATE_INCONSISTENT);
  CHECK(Unwrap(KekTemplate(false, false, false, false)) == CKR_TEMPLATE_INCONSISTENT);
  CHECK(Unwrap(KekTemplate(true, false, false, false)) == CKR_TEMPLATE_INCONSISTENT);
  CHECK(Unwrap(KekTemplate(false, true, true, false)) == CKR_TEMPLATE_INCONSISTENT);
  CHECK(Unwrap(KekTemplate(false, true, false, true)) == CKR_TEMPLATE_INCONSISTENT);
  Template silent;
  silent.Number(CKA_CLASS, CKO_SECRET_KEY).Number(CKA_KEY_TYPE, CKK_AES);
  CHECK(Unwrap(std::move(silent)) == CKR_TEMPLATE_INCONSISTENT);
  CHECK(Unwrap(KekTemplate(false, true, false, false), CKM_AES_KEY_WRAP_PAD) == CKR_MECHANISM_INVALID);
}

TEST_CASE_FIXTURE(Attack, "No use of the root or of a signing key can be switched on") {
  const CK_OBJECT_HANDLE keys[] = {Root(), raw->Find(CKO_PRIVATE_KEY, "claviger-token-v1"),
                                   raw->Find(CKO_PRIVATE_KEY, "claviger-audit-v1"),
                                   raw->Find(CKO_SECRET_KEY, "claviger-lookup-v1")};
  for (const CK_OBJECT_HANDLE key : keys) {
    REQUIRE(key != CK_INVALID_HANDLE);
    for (const CK_ATTRIBUTE_TYPE use : {CKA_ENCRYPT, CKA_DECRYPT, CKA_SIGN, CKA_VERIFY, CKA_DERIVE, CKA_WRAP,
                                        CKA_UNWRAP, CKA_EXTRACTABLE}) {
      CAPTURE(use);
      CHECK(Set(key, use, true) != CKR_OK);
    }
    CHECK(Set(key, CKA_SENSITIVE, false) != CKR_OK);
    CHECK(Set(key, CKA_MODIFIABLE, true) != CKR_OK);
  }
  CHECK(Set(Root(), CKA_DECRYPT, true) == CKR_ACTION_PROHIBITED);
}

TEST_CASE_FIXTURE(Attack, "The root cannot be copied") {
  Template copy;
  copy.Bool(CKA_DECRYPT, true);
  CK_OBJECT_HANDLE made = CK_INVALID_HANDLE;
  CHECK(raw->ck.C_CopyObject(raw->handle, Root(), copy.data(), copy.size(), &made) == CKR_ACTION_PROHIBITED);
}

TEST_CASE_FIXTURE(Attack, "No secret part of any key can be read") {
  const auto read = [&](CK_OBJECT_HANDLE key) {
    std::array<CK_BYTE, 128> buffer{};
    CK_ATTRIBUTE attribute{CKA_VALUE, buffer.data(), buffer.size()};
    return raw->ck.C_GetAttributeValue(raw->handle, key, &attribute, 1);
  };
  CHECK(read(Root()) == CKR_ATTRIBUTE_SENSITIVE);
  CHECK(read(raw->Find(CKO_SECRET_KEY, "claviger-lookup-v1")) == CKR_ATTRIBUTE_SENSITIVE);
  CHECK(read(raw->Find(CKO_PRIVATE_KEY, "claviger-token-v1")) == CKR_ATTRIBUTE_SENSITIVE);
}

TEST_CASE_FIXTURE(Attack,
                  "The root encrypts, decrypts and signs nothing, and does not let itself be wrapped") {
  CK_MECHANISM ecb{CKM_AES_ECB, nullptr, 0};
  CHECK(raw->ck.C_EncryptInit(raw->handle, &ecb, Root()) != CKR_OK);
  CHECK(raw->ck.C_DecryptInit(raw->handle, &ecb, Root()) != CKR_OK);
  CK_MECHANISM hmac{CKM_SHA256_HMAC, nullptr, 0};
  CHECK(raw->ck.C_SignInit(raw->handle, &hmac, Root()) != CKR_OK);
  CK_MECHANISM wrap{CKM_AES_KEY_WRAP, nullptr, 0};
  std::array<CK_BYTE, 64> blob{};
  CK_ULONG size = blob.size();
  CHECK(raw->ck.C_WrapKey(raw->handle, &wrap, Root(), Root(), blob.data(), &size) == CKR_KEY_UNEXTRACTABLE);
}

TEST_CASE_FIXTURE(Attack, "A loaded vault key cannot be wrapped out, read, copied or widened") {
  Template match;
  match.Number(CKA_CLASS, CKO_SECRET_KEY).Bool(CKA_TOKEN, false).Bool(CKA_DECRYPT, true);
  std::array<CK_OBJECT_HANDLE, 16> found{};
  CK_ULONG count = 0;
  REQUIRE(raw->ck.C_FindObjectsInit(raw->handle, match.data(), match.size()) == CKR_OK);
  REQUIRE(raw->ck.C_FindObjects(raw->handle, found.data(), found.size(), &count) == CKR_OK);
  REQUIRE(raw->ck.C_FindObjectsFinal(raw->handle) == CKR_OK);
  REQUIRE(count >= 2);  // the vault's and the self-test's
  CK_MECHANISM wrap{CKM_AES_KEY_WRAP, nullptr, 0};
  for (CK_ULONG i = 0; i < count; ++i) {
    std::array<CK_BYTE, 64> out{};
    CK_ULONG size = out.size();
    CHECK(raw->ck.C_WrapKey(raw->handle, &wrap, Root(), found[i], out.data(), &size) ==
          CKR_KEY_UNEXTRACTABLE);
    CK_ATTRIBUTE value{CKA_VALUE, out.data(), out.size()};
    CHECK(raw->ck.C_GetAttributeValue(raw->handle, found[i], &value, 1) == CKR_ATTRIBUTE_SENSITIVE);
    Template copy;
    copy.Bool(CKA_TOKEN, true);
    CK_OBJECT_HANDLE made = CK_INVALID_HANDLE;
    CHECK(raw->ck.C_CopyObject(raw->handle, found[i], copy.data(), copy.size(), &made) ==
          CKR_ACTION_PROHIBITED);
    CHECK(Set(found[i], CKA_WRAP, true) != CKR_OK);
  }
}

TEST_CASE_FIXTURE(Attack, "Extractable vault keys exist only while they are made") {
  Template match;
  match.Number(CKA_CLASS, CKO_SECRET_KEY).Bool(CKA_EXTRACTABLE, true);
  std::array<CK_OBJECT_HANDLE, 16> found{};
  CK_ULONG count = 0;
  REQUIRE(raw->ck.C_FindObjectsInit(raw->handle, match.data(), match.size()) == CKR_OK);
  REQUIRE(raw->ck.C_FindObjects(raw->handle, found.data(), found.size(), &count) == CKR_OK);
  REQUIRE(raw->ck.C_FindObjectsFinal(raw->handle) == CKR_OK);
  CHECK(count == 1);  // the self-test's, which protects nothing
}
