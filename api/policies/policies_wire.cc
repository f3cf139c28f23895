#include "api/policies/policies_wire.h"

#include <array>
#include <nlohmann/json.hpp>

#include "api/access/path_pattern.h"

namespace claviger::api {
namespace {

using crypto::PrincipalType;

constexpr size_t kMaxWords = 16;  // of permissions, with repetitions
constexpr size_t kMaxWordBytes = 16;
constexpr size_t kUuidChars = 36;

struct Word {
  const char* text;
  bool Permissions::*flag;
};
constexpr std::array kWords = {Word{"read", &Permissions::read}, Word{"write", &Permissions::write},
                               Word{"delete", &Permissions::remove}};

// False for an unknown word.
bool Set(Permissions& permissions, std::string_view text) {
  for (const Word& word : kWords) {
    if (text != word.text) continue;
    permissions.*word.flag = true;
    return true;
  }
  return false;
}

void ReadPermissions(ObjectReader& reader, Permissions& out) {
  std::optional<std::vector<std::string>> words;
  reader.OptionalStrings("permissions", kMaxWords, kMaxWordBytes, words);
  if (!words) return;
  Permissions permissions;
  for (const auto& word : *words) {
    if (!Set(permissions, word)) return reader.Refuse("permissions", "must hold 'read', 'write' or 'delete'");
  }
  if (permissions.empty()) return reader.Refuse("permissions", "must not be empty");
  out = permissions;
}

void ReadTerms(ObjectReader& reader, Time now, PolicyTerms& terms) {
  ReadPermissions(reader, terms.permissions);
  std::optional<std::string> conditions;
  reader.OptionalObject("conditions", kMaxConditionsBytes, conditions);
  if (conditions) terms.conditions = *std::move(conditions);
  if (reader.IsNull("expires_at")) terms.expires_at.reset();
  std::optional<Time> expires_at;
  reader.OptionalTime("expires_at", expires_at);
  if (!expires_at) return;
  if (*expires_at <= now) reader.Refuse("expires_at", "must lie in the future");
  terms.expires_at = expires_at;
}

void ReadPrincipal(ObjectReader& reader, CreatePolicyRequest& request) {
  const std::string type = reader.String("principal_type", 1, kMaxWordBytes);
  if (type == crypto::Name(PrincipalType::kAgent)) request.principal_type = PrincipalType::kAgent;
  if (type != crypto::Name(request.principal_type)) {
    reader.Refuse("principal_type", "must be 'user' or 'agent'");
  }
  const auto id = ParseUuid(reader.String("principal_id", 1, kUuidChars));
  if (!id || id->is_nil()) return reader.Refuse("principal_id", "must be a UUID");
  request.principal = *id;
}

}  // namespace

Result<CreatePolicyRequest> DecodeCreatePolicy(std::string_view body, Time now) {
  TRY(const auto json, ParseJsonObject(body));
  ObjectReader reader(json);
  CreatePolicyRequest request;
  request.pattern = reader.String("secret_path_pattern", 1, kMaxPatternBytes);
  if (!IsPathPattern(request.pattern)) {
    reader.Refuse(
        "secret_path_pattern",
        "must have at most 32 segments of letters, digits, '-', '_' and '*', joined by '/'; '**' stands "
        "alone in its segment");
  }
  ReadPrincipal(reader, request);
  if (!reader.Has("permissions")) reader.Refuse("permissions", "is required");
  ReadTerms(reader, now, request.terms);
  TRYV(reader.Finish());
  return request;
}

Json EncodeCreatePolicy(const CreatePolicyRequest& request) {
  Json json = {{"secret_path_pattern", request.pattern},
               {"principal_type", crypto::Name(request.principal_type)},
               {"principal_id", FormatUuid(request.principal)},
               {"permissions", NamesOf(request.terms.permissions)},
               {"conditions", Json::parse(request.terms.conditions, nullptr, false)}};
  if (request.terms.expires_at) json["expires_at"] = FormatTime(*request.terms.expires_at);
  return json;
}

Status ApplyUpdatePolicy(std::string_view body, Time now, PolicyTerms& terms) {
  TRY(const auto json, ParseJsonObject(body));
  ObjectReader reader(json);
  ReadTerms(reader, now, terms);
  return reader.Finish();
}

Result<Json> EncodePolicy(const Policy& policy) {
  auto conditions = ParseJsonObject(policy.terms.conditions);
  if (!conditions) return IntegrityFailure("stored conditions are not a JSON object");
  Json json = {{"id", policy.id.ToString()},
               {"vault_id", policy.vault.ToString()},
               {"secret_path_pattern", policy.pattern},
               {"principal_type", crypto::Name(policy.principal_type)},
               {"principal_id", FormatUuid(policy.principal)},
               {"permissions", NamesOf(policy.terms.permissions)},
               {"conditions", std::move(conditions).value()},
               {"created_by", FormatUuid(policy.created_by)},
               {"created_by_type", crypto::Name(policy.created_by_type)},
               {"created_at", FormatTime(policy.created_at)}};
  if (policy.terms.expires_at) json["expires_at"] = FormatTime(*policy.terms.expires_at);
  return json;
}

Result<Json> EncodePolicyList(const std::vector<Policy>& policies) {
  Json list = Json::array();
  for (const Policy& policy : policies) {
    TRY(auto json, EncodePolicy(policy));
    list.push_back(std::move(json));
  }
  return Json{{"policies", std::move(list)}};
}

std::vector<std::string> NamesOf(const Permissions& permissions) {
  std::vector<std::string> names;
  for (const Word& word : kWords) {
    if (permissions.*word.flag) names.emplace_back(word.text);
  }
  return names;
}

}  // namespace claviger::api
