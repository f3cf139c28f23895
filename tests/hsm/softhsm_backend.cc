#include <doctest/doctest.h>

#include <cstdlib>

#include "tests/hsm/backend.h"

namespace claviger::hsm::tests {

namespace {

// SoftHSM reads SOFTHSM2_CONF at each C_Initialize.
struct SoftHsmToken {
  ScratchDirectory directory;
  HsmConfig config;

  SoftHsmToken() {
    const std::string make = CLAVIGER_SOURCE_DIR "/softhsm-config/make-token";
    REQUIRE(std::system((make + " " + directory.path() + " claviger-test >/dev/null").c_str()) == 0);
    REQUIRE(setenv("SOFTHSM2_CONF", (directory.path() + "/softhsm2.conf").c_str(), 1) == 0);
    config.module_path = CLAVIGER_SOFTHSM_MODULE;
    config.token_labels = {"claviger-test"};
    config.pin_file = directory.path() + "/pin";
  }
};

const SoftHsmToken& Token() {
  static const SoftHsmToken token;
  return token;
}

}  // namespace

const HsmConfig& FreshToken() { return Token().config; }
std::string TokenDirectory() { return Token().directory.path() + "/tokens"; }

}  // namespace claviger::hsm::tests
