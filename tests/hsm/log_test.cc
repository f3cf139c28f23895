// What an operator reads about an outage.

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include "tests/hsm/faults.h"

using namespace claviger;
using namespace claviger::hsm;
using namespace claviger::hsm::tests;
using Health = crypto::KeyringHealth::State;

namespace {

// The log goes to stderr.
class CapturedStderr {
 public:
  CapturedStderr() : path_(scratch_.Write("stderr", "")), saved_(dup(STDERR_FILENO)) {
    const int file = open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
    REQUIRE(dup2(file, STDERR_FILENO) == STDERR_FILENO);
    close(file);
  }
  ~CapturedStderr() {
    dup2(saved_, STDERR_FILENO);
    close(saved_);
  }
  int Lines(const std::string& with) const {
    const std::string text = Read(path_);
    int count = 0;
    for (size_t at = text.find(with); at != std::string::npos; at = text.find(with, at + 1)) ++count;
    return count;
  }

 private:
  ScratchDirectory scratch_;
  std::string path_;
  int saved_;
};

}  // namespace

TEST_CASE_FIXTURE(FaultFixture, "An outage is one line in the log, and so is the recovery") {
  keyring.reset();
  kit.log = Log(LogLevel::kInfo);
  Reopen(config);
  const CapturedStderr log;
  for (int outage = 1; outage <= 2; ++outage) {
    const int tries = faults.Calls("C_Initialize");
    faults.Set("C_FindObjectsInit error CKR_TOKEN_NOT_PRESENT\nC_WrapKey error CKR_DEVICE_REMOVED");
    Await("several vain reconnects", [&] { return faults.Calls("C_Initialize") >= tries + 3; });
    CHECK(State() == Health::kUnavailable);
    CHECK(log.Lines("hsm_unavailable") == outage);
    CHECK(log.Lines("hsm_recovered") == outage - 1);
    faults.Clear();
    AwaitRecovery();
    CHECK(log.Lines("hsm_unavailable") == outage);
    CHECK(log.Lines("hsm_recovered") == outage);
  }
}
