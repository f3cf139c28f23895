// Bodies of sign-ins at an OpenID provider.
#include "api/oidc/oidc_wire.h"
#include "crypto/id_token.h"
#include "tests/fuzz/require.h"

using namespace claviger;
using fuzz::Require;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto token = api::DecodeIdTokenLogin(fuzz::Text(data, size));
  if (token) {
    Require(!token.value().Text().empty() && token.value().Text().size() <= crypto::kMaxIdTokenBytes,
            "a token is there and bounded");
  }
  return 0;
}
