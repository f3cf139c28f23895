// What an operator reads about an outage.

#include <doctest/doctest.h>

#include "tests/captured_stderr.h"
#include "tests/hsm/faults.h"

using namespace claviger;
using namespace claviger::hsm;
using namespace claviger::hsm::tests;
using Health = crypto::KeyringHealth::State;

namespace {}  // namespace

TEST_CASE_FIXTURE(FaultFixture, "An outage is one line in the log, and so is the recovery") {
  keyring.reset();
  kit.log = Log(LogLevel::kInfo);
  Reopen(config);
  const claviger::testing::CapturedStderr log;
  for (int outage = 1; outage <= 2; ++outage) {
    const int tries = faults.Calls("C_Initialize");
    faults.Set("C_FindObjectsInit error CKR_TOKEN_NOT_PRESENT\nC_WrapKey error CKR_DEVICE_REMOVED");
    Await("several vain reconnects", [&] { return faults.Calls("C_Initialize") >= tries + 3; });
    CHECK(State() == Health::kUnavailable);
    CHECK(log.Count("hsm_unavailable") == outage);
    CHECK(log.Count("hsm_recovered") == outage - 1);
    faults.Clear();
    AwaitRecovery();
    CHECK(log.Count("hsm_unavailable") == outage);
    CHECK(log.Count("hsm_recovered") == outage);
  }
}
