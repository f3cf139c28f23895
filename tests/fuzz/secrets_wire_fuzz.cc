// Secrets as JSON, from clients and from servers, and their paths: what is taken obeys the rules and prints
// back.
#include <nlohmann/json.hpp>

#include "api/secrets/secrets_wire.h"
#include "tests/fuzz/require.h"

using namespace claviger;
using namespace claviger::api;
using fuzz::Require;

namespace {

constexpr Time kNow{std::chrono::seconds{1772366400}};

void CheckPut(std::string_view text) {
  const auto request = DecodePutSecret(text, kNow);
  if (!request) return;
  const PutSecretRequest& put = request.value();
  Require(!put.value.empty() && put.value.size() <= kMaxSecretBodyBytes && IsUtf8(put.value.Text()),
          "values are text within the limit");
  Require(put.metadata.size() <= kMaxSecretMetadataBytes && ParseJsonObject(put.metadata),
          "metadata is an object within the limit");
  Require(!put.expires_at || *put.expires_at > kNow, "expiry lies in the future");
  const auto result = DecodePutSecret(EncodePutSecret(put), kNow);
  Require(result.has_value(), "requests print back");
  const PutSecretRequest& again = result.value();
  Require(again.value == put.value && again.type == put.type && again.metadata == put.metadata &&
              again.expires_at == put.expires_at && again.max_access_count == put.max_access_count,
          "requests print back");
}

void CheckSecret(std::string_view text) {
  const auto secret = DecodeSecret(text);
  if (!secret) return;
  const auto printed = EncodeSecret(secret.value());
  Require(printed.has_value() && CheckSecretMetadata(secret.value().about), "what was read can be written");
  const auto again = DecodeSecret(printed.value());
  Require(again && EncodeSecret(again.value()).value() == printed.value(), "secrets print back");
}

void CheckPath(std::string_view text) {
  if (!IsSecretPath(text)) return;
  Require(HasPathCharacters(text) && text.find("//") == text.npos && text.front() != '/' &&
              text.back() != '/' && text.size() <= kMaxSecretPathBytes,
          "paths are in their one form");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = fuzz::Text(data, size);
  CheckPut(text);
  CheckSecret(text);
  CheckPath(text);
  return 0;
}
