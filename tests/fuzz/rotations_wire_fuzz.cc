// Rotations as JSON, from servers: what is taken prints back.
#include <nlohmann/json.hpp>

#include "api/rotations/rotations_wire.h"
#include "tests/fuzz/require.h"

using namespace claviger;
using namespace claviger::api;
using fuzz::Require;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto json = ParseJson(fuzz::Text(data, size));
  if (!json) return 0;
  const auto rotation = DecodeRotation(json.value());
  if (!rotation) return 0;
  Require(ParseRotationState(Name(rotation.value().state)) == rotation.value().state, "states have names");
  const auto again = DecodeRotation(EncodeRotation(rotation.value()));
  Require(again && EncodeRotation(again.value()) == EncodeRotation(rotation.value()), "rotations print back");
  return 0;
}
