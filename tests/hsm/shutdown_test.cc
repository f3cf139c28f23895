// Ends that must not wait for ever. A binary of its own: it leaves the module in the state of a crash.

#include <doctest/doctest.h>

#include <thread>

#include "tests/hsm/faults.h"

using namespace claviger;
using namespace claviger::hsm;
using namespace claviger::hsm::tests;

TEST_CASE("Neither a start nor a shutdown waits for ever for a module that hangs") {
  Faults faults;
  Kit kit;
  HsmConfig config = FaultyConfig();
  config.operation_timeout = std::chrono::milliseconds(100);
  faults.Clear();
  kit.Initialize(config);

  auto keyring = kit.Open(config);
  CHECK(keyring->Mac(AsBytes("x")));
  faults.Set("C_Sign hang");
  const auto hung = keyring->Mac(AsBytes("x"));
  REQUIRE_FALSE(hung);
  CHECK(hung.error().kind == ErrorKind::kUnavailable);
  // Returns although the call never does; the module stays initialised, because finalising it would crash.
  const int finalised = faults.Calls("C_Finalize");
  keyring.reset();
  CHECK(faults.Calls("C_Finalize") == finalised);

  // The same process cannot start it again, and says so.
  const auto again = OpenKeyring(config, kit.clock, kit.random, kit.log);
  REQUIRE_FALSE(again);
  CHECK(again.error().detail.find("already in use") != std::string::npos);

  faults.Set("C_Initialize hang");
  const auto start = OpenKeyring(config, kit.clock, kit.random, kit.log);
  REQUIRE_FALSE(start);
  CHECK(start.error().kind == ErrorKind::kUnavailable);
  CHECK(start.error().detail.find("does not answer") != std::string::npos);
  // Let the last one out, so that this process ends with its exit handlers.
  const int starts = faults.Calls("C_Initialize");
  faults.Clear();
  Await("the hung start to end", [&] { return faults.Calls("C_Initialize") > starts; });
}
