#include "api/secrets/secrets_wire.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

namespace claviger::api {
namespace {

constexpr std::string_view kNoMetadata = "{}";

// Not <cctype>: its answers depend on the locale.
bool IsLetterOrDigit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool IsSecretType(std::string_view type) {
  return std::find(kSecretTypes.begin(), kSecretTypes.end(), type) != kSecretTypes.end();
}

// Moves a string out of reach of the allocator's next user.
SecretBytes TakeSecret(std::string&& text) {
  SecretBytes secret{std::string_view(text)};
  Wipe(text.data(), text.size());
  return secret;
}

void CheckPutRules(const PutSecretRequest& request, Time now, ObjectReader& reader) {
  if (request.type && !IsSecretType(*request.type)) reader.Refuse("type", "is not a known secret type");
  if (request.expires_at && *request.expires_at <= now) {
    reader.Refuse("expires_at", "must lie in the future");
  }
}

Result<PutSecretRequest> ReadPutSecret(const Json& json, Time now) {
  ObjectReader reader(json);
  PutSecretRequest request;
  request.value = TakeSecret(reader.RawString("value", 1, kMaxSecretBodyBytes));
  reader.OptionalString("type", 1, 32, request.type);
  std::optional<std::string> metadata;
  reader.OptionalObject("metadata", kMaxSecretMetadataBytes, metadata);
  if (metadata) request.metadata = std::move(*metadata);
  reader.OptionalTime("expires_at", request.expires_at);
  std::optional<int64_t> max_access_count;
  reader.OptionalInt("max_access_count", 0, std::numeric_limits<int32_t>::max(), max_access_count);
  request.max_access_count = static_cast<uint32_t>(max_access_count.value_or(0));
  CheckPutRules(request, now, reader);
  TRYV(reader.Finish());
  return request;
}

}  // namespace

bool HasPathCharacters(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return IsLetterOrDigit(c) || c == '-' || c == '_' || c == '/'; });
}

bool IsSecretPath(std::string_view path) {
  if (path.empty() || path.size() > kMaxSecretPathBytes) return false;
  if (!IsLetterOrDigit(path.front()) || !IsLetterOrDigit(path.back())) return false;
  return HasPathCharacters(path) && path.find("//") == path.npos;
}

Result<PutSecretRequest> DecodePutSecret(std::string_view body, Time now) {
  TRY(auto json, ParseJsonObject(body));
  auto request = ReadPutSecret(json, now);
  WipeStrings(json);  // it holds the value as well
  return request;
}

std::string EncodePutSecret(const PutSecretRequest& request) {
  Json json = {{"value", request.value.Text()}};
  if (request.type) json["type"] = *request.type;
  if (request.metadata != kNoMetadata) json["metadata"] = Json::parse(request.metadata, nullptr, false);
  if (request.expires_at) json["expires_at"] = FormatTime(*request.expires_at);
  if (request.max_access_count > 0) json["max_access_count"] = request.max_access_count;
  std::string body = DumpJson(json);
  WipeStrings(json);
  return body;
}

Result<Json> EncodeSecretMetadata(const SecretMetadata& secret) {
  Json metadata = Json::object();
  if (secret.metadata != kNoMetadata) {
    auto parsed = ParseJsonObject(secret.metadata);
    if (!parsed) return IntegrityFailure("stored metadata is not a JSON object");
    metadata = std::move(parsed.value());
  }
  Json json = {{"id", secret.id.ToString()},
               {"path", secret.path},
               {"type", secret.type},
               {"version", secret.version},
               {"metadata", std::move(metadata)},
               {"created_at", FormatTime(secret.created_at)}};
  if (secret.expires_at) json["expires_at"] = FormatTime(*secret.expires_at);
  return json;
}

Status CheckSecretMetadata(const SecretMetadata& secret) {
  TRYV(EncodeSecretMetadata(secret));
  return Ok();
}

Result<SecretMetadata> DecodeSecretMetadata(const Json& json) {
  ObjectReader reader(json);
  SecretMetadata secret;
  const auto id = SecretId::Parse(reader.String("id", 36, 36));
  secret.path = reader.String("path", 1, kMaxSecretPathBytes);
  secret.type = reader.String("type", 1, 32);
  std::optional<int64_t> version;
  reader.OptionalInt("version", 1, std::numeric_limits<int32_t>::max(), version);
  std::optional<std::string> metadata;
  reader.OptionalObject("metadata", kMaxSecretMetadataBytes, metadata);
  std::optional<Time> created_at;
  reader.OptionalTime("created_at", created_at);
  reader.OptionalTime("expires_at", secret.expires_at);
  TRYV(reader.Finish());
  if (!id || !version || !created_at) return Invalid("The secret's id, version or time is missing");
  secret.id = *id;
  secret.version = static_cast<uint32_t>(*version);
  secret.created_at = *created_at;
  if (metadata) secret.metadata = std::move(*metadata);
  return secret;
}

Result<Json> EncodeSecretList(const std::vector<SecretMetadata>& secrets) {
  Json list = Json::array();
  for (const SecretMetadata& secret : secrets) {
    TRY(auto json, EncodeSecretMetadata(secret));
    list.push_back(std::move(json));
  }
  return Json{{"secrets", std::move(list)}};
}

Result<std::string> EncodeSecret(const Secret& secret) {
  TRY(auto json, EncodeSecretMetadata(secret.about));
  json["created_by"] = secret.created_by;
  json["cmek_encrypted"] = secret.cmek_encrypted;
  json["value"] = secret.value.Text();
  std::string body = DumpJson(json);
  WipeStrings(json);
  return body;
}

Result<Secret> DecodeSecret(std::string_view body) {
  TRY(auto json, ParseJsonObject(body));
  Secret secret;
  TRY(auto about, DecodeSecretMetadata(json));
  secret.about = std::move(about);
  ObjectReader reader(json);
  secret.created_by = reader.String("created_by", 1, 64);
  secret.value = TakeSecret(reader.RawString("value", 1, kMaxSecretBodyBytes));
  std::optional<bool> cmek_encrypted;
  reader.OptionalBool("cmek_encrypted", cmek_encrypted);
  secret.cmek_encrypted = cmek_encrypted.value_or(false);
  WipeStrings(json);
  TRYV(reader.Finish());
  return secret;
}

}  // namespace claviger::api
