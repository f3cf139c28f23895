// Key files for offline verification.
#include "crypto/public_key.h"
#include "tests/fuzz/require.h"

using namespace claviger;
using fuzz::Require;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto keys = crypto::ParsePublicKeys(fuzz::Text(data, size));
  if (!keys) return 0;
  Require(!keys.value().empty(), "an accepted text holds a key");
  const bool from_set = !keys.value().front().kid.empty();
  for (const auto& key : keys.value()) {
    Require(crypto::IsSound(key), "every accepted key is sound");
    Require(crypto::ParsePublicKeys(crypto::PublicKeyPem(key).value()).value().front().raw == key.raw,
            "keys print back as PEM");
  }
  if (!from_set) return 0;
  const auto again = crypto::ParsePublicKeys(crypto::JwksJson(keys.value())).value();
  Require(again.size() == keys.value().size(), "key sets print back");
  for (size_t i = 0; i < again.size(); ++i) {
    Require(again[i].kid == keys.value()[i].kid && again[i].raw == keys.value()[i].raw,
            "key sets print back");
  }
  return 0;
}
