// The fault module itself: what the rules say is what happens.

#include <doctest/doctest.h>

#include "tests/hsm/faults.h"
#include "tests/hsm/raw_module.h"

using namespace claviger;
using namespace claviger::hsm;
using namespace claviger::hsm::tests;

namespace {

struct Forwarded : FaultFixture {
  RawSession raw{config};
  CK_RV Random() {
    CK_BYTE byte = 0;
    return raw.ck.C_GenerateRandom(raw.handle, &byte, 1);
  }
};

}  // namespace

TEST_CASE_FIXTURE(Forwarded, "A rule makes its function fail, and no other") {
  CHECK(Random() == CKR_OK);
  faults.Set("C_GenerateRandom error CKR_DEVICE_REMOVED");
  CHECK(Random() == CKR_DEVICE_REMOVED);
  CHECK(Opens());
  faults.Set("C_GenerateRandom error 0x80000001  # a vendor's");
  CHECK(Random() == 0x80000001);
  faults.Clear();
  CHECK(Random() == CKR_OK);
}

TEST_CASE_FIXTURE(Forwarded, "A counted rule fails that often") {
  faults.Set("C_GenerateRandom error CKR_DEVICE_ERROR times 2");
  CHECK(Random() == CKR_DEVICE_ERROR);
  CHECK(Random() == CKR_DEVICE_ERROR);
  CHECK(Random() == CKR_OK);
}

TEST_CASE_FIXTURE(Forwarded, "A rule that is not understood is noticed") {
  for (const char* rule :
       {"C_GenerateRandom fail", "C_GenerateRandom error CKR_NO_SUCH_CODE", "C_GenerateRandom",
        "do something", "C_GenerateRandom error CKR_DEVICE_ERROR often", "C_Sign hang now"}) {
    CAPTURE(rule);
    faults.Set(rule);
    CHECK(Random() == CKR_ARGUMENTS_BAD);
  }
}

TEST_CASE_FIXTURE(Forwarded, "Logins are recorded") {
  const int before = faults.Calls("C_Login");
  CHECK(before > 0);
  keyring.reset();
  keyring = kit.Open(config);
  CHECK(faults.Calls("C_Login") == before + 1);
}
