// A provider's key set in the first line, an ID token in the rest.
#include "crypto/id_token.h"
#include "tests/fuzz/require.h"

using namespace claviger;
using fuzz::Require;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = fuzz::Text(data, size);
  const size_t end = std::min(text.find('\n'), text.size());
  const std::string_view token = text.substr(std::min(end + 1, text.size()));
  const crypto::IdTokenRules rules{"https://id.example", {"claviger"}};
  const Time now{std::chrono::seconds{1772366400}};
  const auto kid = crypto::KidOfIdToken(token);
  const auto keys = crypto::ParseProviderKeys(text.substr(0, end));
  if (!keys) return 0;
  Require(keys.value().size() <= crypto::kMaxProviderKeys, "a set is bounded");
  for (const auto& key : keys.value()) {
    const auto claims = crypto::VerifyIdToken(token, key, rules, now);
    if (!claims) continue;
    Require(kid == key.kid, "an accepted token names its key");
    Require(!claims.value().subject.empty(), "an accepted token names a subject");
  }
  return 0;
}
