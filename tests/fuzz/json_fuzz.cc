// Request bodies.
#include <nlohmann/json.hpp>

#include "api/json/json.h"
#include "base/bytes.h"
#include "tests/fuzz/require.h"

using namespace claviger;
using fuzz::Require;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = fuzz::Text(data, size);
  const auto json = api::ParseJson(text);
  if (const auto object = api::ParseJsonObject(text); object && !text.empty()) {
    Require(json.has_value() && object.value() == json.value(), "an object is JSON");
  }
  if (!json) return 0;
  Require(IsUtf8(text), "accepted JSON is UTF-8");
  const auto again = api::ParseJson(api::DumpJson(json.value()));
  Require(again && again.value() == json.value(), "JSON prints back");
  return 0;
}
