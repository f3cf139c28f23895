// A device that fails at any one of our calls, for as long as it likes.

#include <doctest/doctest.h>

#include "tests/hsm/faults.h"

using namespace claviger;
using namespace claviger::hsm;
using namespace claviger::hsm::tests;
using crypto::SigningKey;

namespace {

// All that the keyring calls.
constexpr const char* kCalls[] = {"C_Initialize",
                                  "C_GetInfo",
                                  "C_GetSlotList",
                                  "C_GetTokenInfo",
                                  "C_OpenSession",
                                  "C_CloseSession",
                                  "C_Login",
                                  "C_FindObjects",
                                  "C_FindObjectsInit",
                                  "C_FindObjectsFinal",
                                  "C_GenerateKey",
                                  "C_GetAttributeValue",
                                  "C_WrapKey",
                                  "C_UnwrapKey",
                                  "C_DestroyObject",
                                  "C_EncryptInit",
                                  "C_Encrypt",
                                  "C_DecryptInit",
                                  "C_Decrypt",
                                  "C_SignInit",
                                  "C_Sign",
                                  "C_GenerateRandom"};
constexpr const char* kCodes[] = {"CKR_DEVICE_ERROR", "CKR_DEVICE_MEMORY", "CKR_SESSION_COUNT",
                                  "CKR_TOKEN_NOT_PRESENT"};

struct EveryVerb : FaultFixture {
  template <class T>
  void CheckOne(const Result<T>& result) {
    if (result) return;
    INFO(result.error().detail, " / ", result.error().cause);
    CHECK(result.error().kind == ErrorKind::kUnavailable);
  }
  void CheckAll() {
    const auto opened = Open();
    CheckOne(opened);
    if (opened) CHECK(opened.value().key == dek.dek.key);
    CheckOne(keyring->GenerateKek(NewIdentity()));
    CheckOne(keyring->GenerateDek(kek, Aad()));
    CheckOne(keyring->SealDek(kek, dek.dek, Aad()));
    CheckOne(keyring->ResealDek({kek, dek.sealed, Bytes(Aad().begin(), Aad().end()), kek, {}}));
    CheckOne(keyring->Sign(SigningKey::kToken, Aad()));
    CheckOne(keyring->Mac(Aad()));
    CheckOne(keyring->RefreshSigningKeys());
  }
};

}  // namespace

TEST_CASE_FIXTURE(EveryVerb,
                  "Whatever call fails, each verb is right or unavailable, and all of them recover") {
  for (const char* call : kCalls) {
    for (const char* code : kCodes) {
      const std::string rule = std::string(call) + " error " + code;
      CAPTURE(rule);
      Reopen(config);  // an outage that follows another soon lasts longer
      faults.Set(rule);
      CheckAll();
      faults.Set(rule + "\ndo logout");  // and while it connects anew
      CheckAll();
      faults.Clear();
      AwaitRecovery();
    }
  }
}

TEST_CASE_FIXTURE(EveryVerb, "Calls that take their time are waited for as long as is configured") {
  for (const char* milliseconds : {"1", "20"}) {
    faults.Set(std::string("* delay ") + milliseconds);
    REQUIRE(Open());
    CHECK(keyring->GenerateKek(NewIdentity()));
    CHECK(keyring->Sign(SigningKey::kToken, Aad()));
  }
  faults.Set("* delay 2000");
  const auto late = Open();
  REQUIRE_FALSE(late);
  CHECK(late.error().kind == ErrorKind::kUnavailable);
  faults.Clear();
  AwaitRecovery();

  HsmConfig patient = config;
  patient.operation_timeout = std::chrono::seconds(30);
  Reopen(patient);
  faults.Set("* delay 2000");
  CHECK(Open());
}
