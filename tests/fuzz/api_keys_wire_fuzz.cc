// Personal API keys as JSON, from clients: what is taken obeys the rules and prints back.
#include <nlohmann/json.hpp>

#include "api/api_keys/api_keys_wire.h"
#include "api/json/string_list.h"
#include "api/json/text_rules.h"
#include "tests/fuzz/require.h"

using namespace claviger;
using namespace claviger::api;
using fuzz::Require;

namespace {

constexpr Time kNow{std::chrono::seconds{1'700'000'000}};

void CheckCreate(std::string_view text) {
  const auto request = DecodeCreateApiKey(text, kNow);
  if (!request) return;
  const auto& [name, scopes, expires_at] = request.value();
  Require(!name.empty() && IsUtf8(name) && !HasControl(name), "names obey the rules");
  Require(scopes.size() <= kMaxScopes, "scopes are few");
  for (const auto& scope : scopes) {
    Require(!scope.empty() && scope.size() <= kMaxScopeBytes && IsUtf8(scope), "scopes are bounded");
  }
  Require(!expires_at || *expires_at > kNow, "keys end in the future");
  const auto again = DecodeCreateApiKey(DumpJson(EncodeCreateApiKey(request.value())), kNow);
  Require(again && EncodeCreateApiKey(again.value()) == EncodeCreateApiKey(request.value()),
          "requests print back");
  const auto stored = ParseStrings(DumpStrings(scopes));
  Require(stored && stored.value() == scopes, "scopes are stored as they are");
}

void CheckToken(std::string_view text) {
  const auto key = DecodeApiKeyToken(text);
  if (!key) return;
  Require(!key.value().empty() && key.value().size() <= kMaxKeyBytes && IsUtf8(key.value().Text()),
          "keys are text within the limit");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = fuzz::Text(data, size);
  CheckCreate(text);
  CheckToken(text);
  return 0;
}
