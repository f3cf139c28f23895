#include "tests/hsm/faults.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <thread>

namespace claviger::hsm::tests {

using std::chrono::milliseconds;

Faults::Faults() : file_(directory_.path() + "/faults") {
  REQUIRE(setenv("CLAVIGER_FAULTS_MODULE", CLAVIGER_SOFTHSM_MODULE, 1) == 0);
  REQUIRE(setenv("CLAVIGER_FAULTS_FILE", file_.c_str(), 1) == 0);
}

void Faults::Set(const std::string& rules) {
  // The number makes each version differ in size or time even where clocks are coarse.
  const std::string next = directory_.Write("next", rules + "\n#" + std::string(++version_ % 97, '#') + "\n");
  std::filesystem::rename(next, file_);
}

int Faults::Calls(const std::string& function) const {
  std::istringstream record(Read(file_ + ".calls"));
  int count = 0;
  std::string line;
  while (std::getline(record, line))
    count += line.compare(0, function.size() + 1, function + " ") == 0 ? 1 : 0;
  return count;
}

std::vector<std::string> Faults::Ivs() const {
  std::istringstream record(Read(file_ + ".calls"));
  std::vector<std::string> ivs;
  std::string line;
  while (std::getline(record, line)) {
    if (line.starts_with("IV ")) ivs.push_back(line.substr(3));
  }
  return ivs;
}

HsmConfig FaultyConfig() {
  HsmConfig config = FreshToken();
  config.module_path = CLAVIGER_FAULT_MODULE;
  config.operation_timeout = milliseconds(1000);
  config.acquire_timeout = milliseconds(500);
  config.probe_interval = milliseconds(20);
  return config;
}

void Await(const char* what, const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) FAIL("did not come: ", what);
    std::this_thread::sleep_for(milliseconds(2));
  }
}

FaultFixture::FaultFixture() {
  faults.Clear();
  kit.Initialize(config);
  Reopen(config);
}

void FaultFixture::Reopen(const HsmConfig& changed) {
  keyring.reset();
  config = changed;
  keyring = kit.Open(config);
  kek = keyring->GenerateKek(NewIdentity()).value();
  dek = keyring->GenerateDek(kek, Aad()).value();
}

crypto::KekIdentity FaultFixture::NewIdentity() {
  return {OrgId{NewUuidV7(kit.clock, kit.random)}, VaultId{NewUuidV7(kit.clock, kit.random)}, 1};
}

bool FaultFixture::Opens() {
  const auto opened = Open();
  return opened && opened.value().key == dek.dek.key;
}

void FaultFixture::AwaitRecovery() {
  Await("recovery", [this] { return State() == crypto::KeyringHealth::State::kOk && Opens(); });
}

}  // namespace claviger::hsm::tests
