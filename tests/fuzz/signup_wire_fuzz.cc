// Signup by mail as JSON: a token that is taken is text within the limit and prints back.
#include <nlohmann/json.hpp>

#include "api/signup/signup_wire.h"
#include "tests/fuzz/require.h"

using namespace claviger;
using namespace claviger::api;
using fuzz::Require;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto token = DecodeVerifyEmail(fuzz::Text(data, size));
  if (!token) return 0;
  Require(!token.value().empty() && token.value().size() <= 256 && IsUtf8(token.value().Text()),
          "tokens are text within the limit");
  const auto again = DecodeVerifyEmail(EncodeVerifyEmail(token.value()).Text());
  Require(again && again.value() == token.value(), "tokens print back");
  return 0;
}
