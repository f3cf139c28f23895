#include "hsm/key_names.h"

#include <doctest/doctest.h>

using namespace claviger::hsm;

TEST_CASE("A key's label gives back its version") {
  for (const uint32_t version : {1U, 2U, 10U, 123456789U}) {
    CHECK(KeyVersion(kRootRole, KeyLabel(kRootRole, version)) == version);
  }
  CHECK(KeyLabel(kTokenRole, 1) == "claviger-token-v1");
}

TEST_CASE("A label of another role or form has no version") {
  for (const char* label :
       {"", "claviger-root", "claviger-root-v", "claviger-root-v0", "claviger-root-v01", "claviger-root-v1 ",
        "claviger-root-v-1", "claviger-root-v+1", "claviger-root-v1x", "claviger-rooot-v1",
        "xclaviger-root-v1", "claviger-token-v1", "claviger-root-v4294967297",
        "claviger-root-v99999999999999999999", "CLAVIGER-ROOT-V1"}) {
    CAPTURE(label);
    CHECK_FALSE(KeyVersion(kRootRole, label));
  }
}
