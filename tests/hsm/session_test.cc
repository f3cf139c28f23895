// Sessions outlive neither their module nor its initialisation.

#include "hsm/session.h"

#include <doctest/doctest.h>

#include "hsm/token.h"
#include "tests/hsm/backend.h"

using namespace claviger;
using namespace claviger::hsm;
using namespace claviger::hsm::tests;

TEST_CASE("A session of a past epoch never acts in the one that has its number now") {
  const HsmConfig config = FreshToken();
  const auto module = Module::Load(config).value();
  const auto open = [&] {
    const auto token = FindToken(module, config, Want::kAny).value();
    return Session::Open(module, token.slot, Access::kReadOnly).value();
  };
  const auto seed = [](Session& session) {
    uint8_t random[8] = {};
    return session.Call(&CK_FUNCTION_LIST::C_GenerateRandom, "C_GenerateRandom", random, CK_ULONG{8});
  };
  REQUIRE(module->Initialize());
  Session old = open();
  REQUIRE(seed(old));
  module->Finalize();
  CHECK_FALSE(seed(old));
  REQUIRE(module->Initialize());
  Session fresh = open();
  REQUIRE(fresh.handle() == old.handle());
  const auto refused = seed(old);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().remedy == Remedy::kReconnect);
  CHECK(refused.error().rv == CKR_SESSION_HANDLE_INVALID);
  CHECK_FALSE(old.broken());  // nothing was left active in it
  old = open();               // which closes the old one, and nothing else
  CHECK(seed(fresh));
  module->Finalize();
}
