#include "cli/value_input.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "cli/wiping.h"

namespace claviger::cli {
namespace {

constexpr char kBase64[] = "base64";

bool IsPlainText(std::string_view text) { return text.find('\0') == std::string_view::npos && IsUtf8(text); }

}  // namespace

void TrimLineEnd(SecretBytes& bytes) {
  const std::string_view text = bytes.Text();
  if (text.ends_with("\r\n")) return bytes.Truncate(bytes.size() - 2);
  if (text.ends_with("\n")) bytes.Truncate(bytes.size() - 1);
}

Status EncodeValue(SecretBytes value, api::PutSecretRequest& request) {
  if (IsPlainText(value.Text())) {
    request.value = std::move(value);
    return Ok();
  }
  TRY(api::Json metadata, api::ParseJsonObject(request.metadata));
  metadata[api::kEncodingMember] = kBase64;
  request.metadata = api::DumpJson(metadata);
  std::string text = Base64Encode(value.View());
  const Wiping wiping(text);
  request.value = SecretBytes(text);
  return Ok();
}

Result<SecretBytes> DecodeValue(SecretBytes value, std::string_view encoding) {
  if (encoding != kBase64) return value;
  auto bytes = Base64Decode(value.Text());
  if (!bytes) return MakeError(ErrorKind::kInternal, "The value is marked as Base64 but is not");
  SecretBytes decoded{ByteView(*bytes)};
  Wipe(bytes->data(), bytes->size());
  return decoded;
}

Result<SecretBytes> DecodeValue(api::Secret secret) {
  TRY(const api::Json metadata, api::ParseJsonObject(secret.about.metadata));
  const auto encoding = metadata.find(api::kEncodingMember);
  const bool named = encoding != metadata.end() && encoding->is_string();
  return DecodeValue(std::move(secret.value), named ? encoding->get<std::string>() : std::string());
}

}  // namespace claviger::cli
