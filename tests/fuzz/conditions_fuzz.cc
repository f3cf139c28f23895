// Conditions as JSON, from clients: what is taken can be asked at any time and address, and is bounded.
#include "api/access/conditions.h"
#include "tests/fuzz/require.h"

using namespace claviger;
using namespace claviger::api;
using fuzz::Require;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto conditions = Conditions::Parse(fuzz::Text(data, size));
  if (!conditions) {
    Require(conditions.error().kind == ErrorKind::kInvalid, "what is not understood is the client's fault");
    return 0;
  }
  Require(conditions.value().Bytes() < 8192, "conditions are bounded");
  for (const char* time :
       {"0000-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "2026-03-29T01:30:00Z", "9999-12-31T23:59:59Z"}) {
    for (const char* address : {"192.0.2.7", "2001:db8::7", "unix"}) {
      const bool holds = conditions.value().Hold({ParseIpAddress(address), *ParseTime(time)});
      Require(holds || !conditions.value().empty(), "no conditions always hold");
      Require(!holds || !conditions.value().HasUnknownZone(), "nothing holds in an unknown zone");
    }
  }
  return 0;
}
