#include "api/shares/shares_wire.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <limits>
#include <nlohmann/json.hpp>

#include "api/auth/auth_wire.h"
#include "api/json/secret_json.h"
#include "api/json/text_rules.h"
#include "api/secrets/secrets_wire.h"
#include "base/network.h"

namespace claviger::api {
namespace {

constexpr size_t kUuidChars = 36;
constexpr size_t kMaxWordBytes = 32;
constexpr size_t kMaxPermissions = 8;
constexpr int64_t kMaxCount = std::numeric_limits<int32_t>::max();

constexpr std::array kRecipientTypes = {RecipientType::kCreator, RecipientType::kUser, RecipientType::kAgent,
                                        RecipientType::kEmail, RecipientType::kAnyone};

bool NeedsId(RecipientType type) { return type == RecipientType::kUser || type == RecipientType::kAgent; }

void ReadRecipient(ObjectReader& reader, CreateShareRequest& request) {
  const auto type = ParseRecipientType(reader.String("recipient_type", 1, kMaxWordBytes));
  if (!type) {
    return reader.Refuse("recipient_type",
                         "must be 'creator', 'user', 'agent', 'external_email' or 'anyone_with_link'");
  }
  request.recipient = *type;
  if (NeedsId(*type)) {
    request.recipient_id = ParseUuid(reader.String("recipient_id", 1, kUuidChars));
    if (!request.recipient_id) reader.Refuse("recipient_id", "must be a UUID");
  }
  if (*type == RecipientType::kEmail) {
    const char* name = reader.Has("email") ? "email" : "recipient_email";
    auto email = NormalizeEmail(reader.String(name, 3, kMaxEmailBytes));
    if (!email) return reader.Refuse(name, "must be an address such as name@example.org");
    request.email = std::move(email).value();
  }
}

void ReadLimits(ObjectReader& reader, Time now, CreateShareRequest& request) {
  reader.OptionalTime("expires_at", request.expires_at);
  if (!request.expires_at || *request.expires_at <= now || *request.expires_at > now + kMaxShareLife) {
    reader.Refuse("expires_at", "must be a time in the next five years");
  }
  std::optional<int64_t> count;
  reader.OptionalInt("max_access_count", 0, kMaxCount, count);
  request.max_access_count = static_cast<uint32_t>(count.value_or(0));
  std::optional<std::vector<std::string>> permissions, networks;
  reader.OptionalStrings("permissions", kMaxPermissions, kMaxWordBytes, permissions);
  reader.OptionalStrings("ip_allowlist", kMaxAllowedNetworks, kMaxNetworkChars, networks);
  if (!networks) return;
  if (!std::all_of(networks->begin(), networks->end(), [](const auto& text) { return ParseNetwork(text); })) {
    reader.Refuse("ip_allowlist",
                  "must hold IPv4 or IPv6 addresses, or networks without bits beyond their prefix");
  }
  request.ip_allowlist = *std::move(networks);
}

void ReadPassphrase(ObjectReader& reader, CreateShareRequest& request) {
  if (!reader.Has("passphrase")) return;
  request.passphrase = ReadSecret(reader, "passphrase", kMaxPassphraseBytes);
  const std::string_view text = request.passphrase.Text();
  if (HasControl(text) || text.starts_with(' ') || text.ends_with(' ')) {
    reader.Refuse("passphrase", "must have no control characters, and no space at either end");
  }
}

uint32_t ReadCount(ObjectReader& reader, std::string_view name) {
  std::optional<int64_t> count;
  reader.OptionalInt(name, 0, kMaxCount, count);
  return static_cast<uint32_t>(count.value_or(0));
}

Json EncodeListed(const ListedShare& share) {
  Json json = {{"id", share.id.ToString()},
               {"secret_path", share.secret_path},
               {"created_by", share.created_by},
               {"recipient_type", Name(share.recipient)},
               {"access_count", share.access_count},
               {"max_access_count", share.max_access_count},
               {"created_at", FormatTime(share.created_at)},
               {"expires_at", FormatTime(share.expires_at)},
               {"is_expired", share.expired},
               {"is_accepted", share.accepted},
               {"has_passphrase", share.has_passphrase}};
  if (share.recipient_id) json["recipient_id"] = FormatUuid(*share.recipient_id);
  if (!share.email.empty()) json["recipient_email"] = share.email;
  return json;
}

}  // namespace

const char* Name(RecipientType type) {
  switch (type) {
    case RecipientType::kCreator:
      return "creator";
    case RecipientType::kUser:
      return "user";
    case RecipientType::kAgent:
      return "agent";
    case RecipientType::kEmail:
      return "external_email";
    case RecipientType::kAnyone:
      return "anyone_with_link";
  }
  std::abort();
}

std::optional<RecipientType> ParseRecipientType(std::string_view name) {
  for (const RecipientType type : kRecipientTypes) {
    if (name == Name(type)) return type;
  }
  return std::nullopt;
}

Result<CreateShareRequest> DecodeCreateShare(std::string_view body, Time now) {
  TRY(const auto json, SecretJson::Parse(body));
  ObjectReader reader(*json);
  CreateShareRequest request;
  ReadRecipient(reader, request);
  ReadLimits(reader, now, request);
  ReadPassphrase(reader, request);
  TRYV(reader.Finish());
  return request;
}

SecretBytes EncodeCreateShare(const CreateShareRequest& request) {
  Json json = {{"recipient_type", Name(request.recipient)}};
  if (request.recipient_id) json["recipient_id"] = FormatUuid(*request.recipient_id);
  if (!request.email.empty()) json["email"] = request.email;
  if (request.max_access_count > 0) json["max_access_count"] = request.max_access_count;
  if (request.expires_at) json["expires_at"] = FormatTime(*request.expires_at);
  if (!request.passphrase.empty()) json["passphrase"] = request.passphrase.Text();
  if (!request.ip_allowlist.empty()) json["ip_allowlist"] = request.ip_allowlist;
  return DumpSecret(std::move(json));
}

Json EncodeNewShare(const NewShare& share) {
  Json json = {{"id", share.id.ToString()},
               {"share_url", share.url},
               {"recipient_type", Name(share.recipient)},
               {"expires_at", FormatTime(share.expires_at)},
               {"max_access_count", share.max_access_count}};
  if (!share.email.empty()) json["recipient_email"] = share.email;
  return json;
}

Json EncodeShareList(const std::vector<ListedShare>& shares) {
  Json list = Json::array();
  for (const ListedShare& share : shares) list.push_back(EncodeListed(share));
  return {{"shares", std::move(list)}};
}

std::string EncodeSharedSecret(const SharedSecret& secret) {
  Json json = {{"id", secret.id.ToString()},
               {"path", secret.path},
               {"type", secret.type},
               {"value", secret.value.Text()},
               {"access_count", secret.access_count},
               {"max_access_count", secret.max_access_count}};
  if (!secret.encoding.empty()) json[kEncodingMember] = secret.encoding;
  std::string body = DumpJson(json);
  WipeStrings(json);
  return body;
}

Result<SharedSecret> DecodeSharedSecret(std::string_view body) {
  TRY(const auto json, SecretJson::Parse(body));
  ObjectReader reader(*json);
  SharedSecret secret;
  const auto id = LinkId::Parse(reader.String("id", 1, kUuidChars));
  secret.path = reader.String("path", 1, kMaxSecretPathBytes);
  secret.type = reader.String("type", 1, kMaxWordBytes);
  std::optional<std::string> encoding;
  reader.OptionalString(kEncodingMember, 1, kMaxWordBytes, encoding);
  secret.encoding = encoding.value_or("");
  secret.access_count = ReadCount(reader, "access_count");
  secret.max_access_count = ReadCount(reader, "max_access_count");
  std::string value = reader.RawString("value", 1, kMaxSecretBodyBytes);
  secret.value = SecretBytes(std::string_view(value));
  Wipe(value.data(), value.size());
  TRYV(reader.Finish());
  if (!id) return Invalid("The share's id is malformed");
  secret.id = *id;
  return secret;
}

}  // namespace claviger::api
