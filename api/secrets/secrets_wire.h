#pragma once
// Secrets as JSON: what clients send and get. Shared with the command line.

#include <array>
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

inline constexpr size_t kMaxSecretPathBytes = 512;
inline constexpr size_t kMaxSecretBodyBytes = 5 * 1024 * 1024;  // bounds the value
inline constexpr size_t kMaxSecretMetadataBytes = 16 * 1024;
inline constexpr std::string_view kDefaultSecretType = "generic";
inline constexpr std::array<std::string_view, 10> kSecretTypes = {
    "generic", "password", "api_key", "private_key", "certificate",
    "file",    "note",     "ssh_key", "env_bundle",  "env"};

// By this member of the metadata the command line notes that a value is the Base64 form ("base64") of what is
// not text.
inline constexpr const char* kEncodingMember = "claviger_encoding";

// True for segments of letters, digits, '-' and '_' joined by single slashes, the whole beginning and ending
// with a letter or digit, at most kMaxSecretPathBytes long.
bool IsSecretPath(std::string_view path);
// True if every character may stand in a path, as in any part of one; also for the empty text.
bool HasPathCharacters(std::string_view text);

struct PutSecretRequest {
  SecretBytes value;                // UTF-8, at least one byte
  std::optional<std::string> type;  // one of kSecretTypes; absent: as the version before, else the default
  std::string metadata = "{}";      // text of a JSON object; kept in clear
  std::optional<Time> expires_at;
  uint32_t max_access_count = 0;  // 0: unlimited; at most 2^31 - 1
};
// kInvalid for anything but an object with a `value` and well-formed other members; `expires_at` must lie
// after `now`. A `rotation_policy` is accepted and ignored.
Result<PutSecretRequest> DecodePutSecret(std::string_view body, Time now);
std::string EncodePutSecret(const PutSecretRequest& request);

// The newest version of a secret, without its value. Shipped clients refuse unknown members in it and in
// Secret: nothing may be added to the encoded forms.
struct SecretMetadata {
  SecretId id;  // stays the same over all versions of a path
  std::string path;
  std::string type;
  uint32_t version = 1;
  std::string metadata = "{}";
  Time created_at{};
  std::optional<Time> expires_at;
};
// kIntegrity if the stored metadata is not a JSON object.
Result<Json> EncodeSecretMetadata(const SecretMetadata& secret);
// Whether it can be encoded.
Status CheckSecretMetadata(const SecretMetadata& secret);
Result<SecretMetadata> DecodeSecretMetadata(const Json& json);
Result<Json> EncodeSecretList(const std::vector<SecretMetadata>& secrets);

struct Secret {
  SecretMetadata about;
  std::string created_by;  // "user:<uuid>" or "agent:<uuid>", the author of this version
  SecretBytes value;
  bool cmek_encrypted = false;  // the value is a blob under a customer-managed key (crypto/cmek.h)
};
Result<std::string> EncodeSecret(const Secret& secret);
Result<Secret> DecodeSecret(std::string_view body);

}  // namespace claviger::api
