// Policies as JSON, from clients: what is taken obeys the rules, binds, and prints back.
#include <nlohmann/json.hpp>

#include "api/access/path_pattern.h"
#include "api/policies/policies_wire.h"
#include "tests/fuzz/require.h"

using namespace claviger;
using namespace claviger::api;
using fuzz::Require;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Time now = *ParseTime("2026-03-01T12:00:00Z");
  PolicyTerms terms;
  if (ApplyUpdatePolicy(fuzz::Text(data, size), now, terms)) {
    Require(terms.conditions.size() <= kMaxConditionsBytes, "conditions are bounded");
    Require(!terms.expires_at || *terms.expires_at > now, "what is changed has not expired");
  }
  const auto request = DecodeCreatePolicy(fuzz::Text(data, size), now);
  if (!request) return 0;
  Require(IsPathPattern(request.value().pattern), "patterns are patterns");
  Require(!request.value().principal.is_nil(), "a policy is for somebody");
  Require(!request.value().terms.permissions.empty(), "a policy allows something");
  const Json printed = EncodeCreatePolicy(request.value());
  const auto again = DecodeCreatePolicy(DumpJson(printed), now);
  Require(again && EncodeCreatePolicy(again.value()) == printed, "requests print back");
  return 0;
}
