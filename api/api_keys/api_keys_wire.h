#pragma once
// Personal API keys as JSON: what clients send and get. Shared with the command line.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/json/json.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/ids.h"
#include "base/secret_bytes.h"

namespace claviger::api {

inline constexpr size_t kApiKeyPrefixChars = 12;  // of a key that are shown again
inline constexpr size_t kMaxKeyBytes = 256;       // of what is presented as a key
inline constexpr size_t kMaxScopes = 50;
inline constexpr size_t kMaxScopeBytes = 100;

struct CreateApiKeyRequest {
  std::string name;
  std::vector<std::string> scopes;  // kept and returned; they restrict nothing
  std::optional<Time> expires_at;
};
// kInvalid unless `name` is 1 to 255 characters without control characters and `expires_at` lies after `now`.
Result<CreateApiKeyRequest> DecodeCreateApiKey(std::string_view body, Time now);
Json EncodeCreateApiKey(const CreateApiKeyRequest& request);

struct ApiKey {
  KeyId id;
  std::string name;
  std::string prefix;  // the key's first characters
  std::vector<std::string> scopes;
  bool is_active = true;
  Time created_at{};
  std::optional<Time> expires_at;
  std::optional<Time> last_used_at;
};
Json EncodeApiKey(const ApiKey& key);
// The one answer that carries the key itself.
std::string EncodeApiKeyCreated(const ApiKey& key, const SecretBytes& text);
Json EncodeApiKeyList(const std::vector<ApiKey>& keys);

// The key that is to be exchanged for a token.
Result<SecretBytes> DecodeApiKeyToken(std::string_view body);

}  // namespace claviger::api
