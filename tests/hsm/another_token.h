#pragma once
// A further SoftHSM token beside the fresh one.

#include <doctest/doctest.h>

#include <cstdlib>
#include <string>

#include "tests/hsm/backend.h"

namespace claviger::hsm::tests {

// Of the same PIN, and without keys; another one each time.
inline HsmConfig AnotherToken() {
  static int count = 0;
  HsmConfig config = FreshToken();
  config.token_labels = {"claviger-next-" + std::to_string(++count)};
  const std::string make = "softhsm2-util --init-token --free --so-pin 12345678 --pin \"$(cat " +
                           config.pin_file + ")\" --label " + config.token_labels.front() + " >/dev/null";
  REQUIRE(std::system(make.c_str()) == 0);
  return config;
}

}  // namespace claviger::hsm::tests
