#include "api/agents/agents_wire.h"

#include <algorithm>

#include "api/json/secret_json.h"
#include "api/json/text_rules.h"

namespace claviger::api {
namespace {

constexpr size_t kMaxKeyBytes = 256;  // of what is presented as a key
constexpr size_t kMaxScopes = 50;
constexpr size_t kMaxScopeBytes = 100;  // with kMaxScopes: what a token can carry
constexpr size_t kMaxVaults = 100;
constexpr size_t kUuidChars = 36;
constexpr size_t kMaxRules = 100;
constexpr size_t kMaxRuleBytes = 128;
constexpr size_t kMaxAmountBytes = 80;
constexpr size_t kMaxOidcBytes = 512;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsHexDigit(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

// Digits, and a fraction of digits if there is a point.
bool IsDecimal(std::string_view text) {
  const size_t point = std::min(text.find('.'), text.size());
  const auto digits = [](std::string_view part) {
    return !part.empty() && std::all_of(part.begin(), part.end(), IsDigit);
  };
  return digits(text.substr(0, point)) && (point == text.size() || digits(text.substr(point + 1)));
}

// 32 bytes in hexadecimal, with or without colons between them.
bool IsFingerprint(std::string_view text) {
  const size_t step = text.find(':') == text.npos ? 2 : 3;
  if (text.size() != 32 * step - (step - 2)) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (i % step == 2 ? text[i] != ':' : !IsHexDigit(text[i])) return false;
  }
  return true;
}

void ReadList(ObjectReader& reader, std::string_view name, size_t max_items, size_t max_bytes,
              std::vector<std::string>& out) {
  std::optional<std::vector<std::string>> list;
  reader.OptionalStrings(name, max_items, max_bytes, list);
  if (!list) return;
  if (std::any_of(list->begin(), list->end(), [](const auto& text) { return HasControl(text); })) {
    reader.Refuse(name, "must not contain control characters");
  }
  out = *std::move(list);
}

void ReadVaults(ObjectReader& reader, std::vector<VaultId>& out) {
  std::optional<std::vector<std::string>> list;
  reader.OptionalStrings("vault_ids", kMaxVaults, kUuidChars, list);
  if (!list) return;
  out.clear();
  for (const auto& text : *list) {
    const auto id = VaultId::Parse(text);
    if (!id) return reader.Refuse("vault_ids", "must hold UUIDs");
    out.push_back(*id);
  }
}

void ReadAmount(ObjectReader& reader, std::string_view name, std::optional<std::string>& out) {
  if (reader.IsNull(name)) out.reset();
  std::optional<std::string> amount;
  reader.OptionalString(name, 1, kMaxAmountBytes, amount);
  if (!amount) return;
  if (!IsDecimal(*amount)) reader.Refuse(name, "must be a decimal number such as \"0.5\"");
  out = std::move(amount);
}

void ReadFlag(ObjectReader& reader, std::string_view name, bool& out) {
  std::optional<bool> flag;
  reader.OptionalBool(name, flag);
  out = flag.value_or(out);
}

void ReadExpiry(ObjectReader& reader, Time now, std::optional<Time>& out) {
  if (reader.IsNull("expires_at")) out.reset();
  std::optional<Time> expires_at;
  reader.OptionalTime("expires_at", expires_at);
  if (!expires_at) return;
  if (*expires_at <= now) reader.Refuse("expires_at", "must lie in the future");
  out = expires_at;
}

// All but the name.
void ReadSettings(ObjectReader& reader, Time now, AgentSettings& settings) {
  std::optional<std::string> description;
  ReadOptionalDescription(reader, "description", description);
  settings.description = description.value_or(settings.description);
  ReadList(reader, "scopes", kMaxScopes, kMaxScopeBytes, settings.scopes);
  ReadVaults(reader, settings.vault_ids);
  ReadFlag(reader, "intents_api_enabled", settings.intents_api_enabled);
  ReadList(reader, "tx_to_allowlist", kMaxRules, kMaxRuleBytes, settings.tx_to_allowlist);
  ReadList(reader, "tx_allowed_chains", kMaxRules, kMaxRuleBytes, settings.tx_allowed_chains);
  ReadAmount(reader, "tx_max_value_eth", settings.tx_max_value_eth);
  ReadAmount(reader, "tx_daily_limit_eth", settings.tx_daily_limit_eth);
  if (reader.IsNull("token_ttl_seconds")) settings.token_ttl_seconds.reset();
  reader.OptionalInt("token_ttl_seconds", kMinTokenTtlSeconds, kMaxTokenTtlSeconds,
                     settings.token_ttl_seconds);
  ReadExpiry(reader, now, settings.expires_at);
}

void ReadIdentity(ObjectReader& reader, AgentIdentity& identity) {
  std::optional<std::string> method;
  reader.OptionalString("auth_method", 1, 64, method);
  identity.auth_method = method.value_or(identity.auth_method);
  if (std::find(kAgentAuthMethods.begin(), kAgentAuthMethods.end(), identity.auth_method) ==
      kAgentAuthMethods.end()) {
    reader.Refuse("auth_method", "must be api_key, mtls or oidc_client_credentials");
  }
  if (identity.auth_method == "mtls") {
    identity.client_cert_fingerprint = reader.String("client_cert_fingerprint", 1, 128);
    if (!IsFingerprint(*identity.client_cert_fingerprint)) {
      reader.Refuse("client_cert_fingerprint", "must be a SHA-256 fingerprint in hexadecimal");
    }
  }
  if (identity.auth_method == "oidc_client_credentials") {
    identity.oidc_issuer = reader.String("oidc_issuer", 1, kMaxOidcBytes);
    identity.oidc_client_id = reader.String("oidc_client_id", 1, kMaxOidcBytes);
    if (HasControl(*identity.oidc_issuer))
      reader.Refuse("oidc_issuer", "must not contain control characters");
    if (HasControl(*identity.oidc_client_id)) {
      reader.Refuse("oidc_client_id", "must not contain control characters");
    }
  }
}

void AddIfAny(Json& json, const char* name, const std::optional<std::string>& value) {
  if (value) json[name] = *value;
}

void AddIfAny(Json& json, const char* name, const std::optional<Time>& value) {
  if (value) json[name] = FormatTime(*value);
}

Json EncodeVaultIds(const std::vector<VaultId>& vaults) {
  Json list = Json::array();
  for (const auto& vault : vaults) list.push_back(vault.ToString());
  return list;
}

Json EncodeSettings(const AgentSettings& settings) {
  Json json = {{"name", settings.name},
               {"description", settings.description},
               {"scopes", settings.scopes},
               {"vault_ids", EncodeVaultIds(settings.vault_ids)},
               {"intents_api_enabled", settings.intents_api_enabled},
               {"tx_to_allowlist", settings.tx_to_allowlist},
               {"tx_allowed_chains", settings.tx_allowed_chains},
               {"token_ttl_seconds", nullptr}};
  if (settings.token_ttl_seconds) json["token_ttl_seconds"] = *settings.token_ttl_seconds;
  AddIfAny(json, "tx_max_value_eth", settings.tx_max_value_eth);
  AddIfAny(json, "tx_daily_limit_eth", settings.tx_daily_limit_eth);
  AddIfAny(json, "expires_at", settings.expires_at);
  return json;
}

void AddIdentity(Json& json, const AgentIdentity& identity) {
  json["auth_method"] = identity.auth_method;
  AddIfAny(json, "client_cert_fingerprint", identity.client_cert_fingerprint);
  AddIfAny(json, "oidc_issuer", identity.oidc_issuer);
  AddIfAny(json, "oidc_client_id", identity.oidc_client_id);
}

}  // namespace

Result<CreateAgentRequest> DecodeCreateAgent(std::string_view body, Time now) {
  TRY(const auto json, ParseJsonObject(body));
  ObjectReader reader(json);
  CreateAgentRequest request;
  request.settings.name = ReadName(reader, "name");
  ReadSettings(reader, now, request.settings);
  ReadIdentity(reader, request.identity);
  TRYV(reader.Finish());
  return request;
}

Json EncodeCreateAgent(const CreateAgentRequest& request) {
  Json json = EncodeSettings(request.settings);
  AddIdentity(json, request.identity);
  return json;
}

Result<EnrollAgentRequest> DecodeEnrollAgent(std::string_view body) {
  TRY(const auto json, ParseJsonObject(body));
  ObjectReader reader(json);
  EnrollAgentRequest request;
  request.name = ReadName(reader, "name");
  const auto email = NormalizeEmail(reader.String("human_email", 1, kMaxEmailBytes));
  if (!email.has_value()) reader.Refuse("human_email", "must be an ASCII address such as name@example.org");
  std::optional<std::string> description;
  ReadOptionalDescription(reader, "description", description);
  TRYV(reader.Finish());
  request.email = email.value();
  request.description = description.value_or("");
  return request;
}

Json EncodeEnrollAgent(const EnrollAgentRequest& request) {
  Json json = {{"name", request.name}, {"human_email", request.email}};
  if (!request.description.empty()) json["description"] = request.description;
  return json;
}

Json EncodeEnrollmentAsked() {
  return {{"agent_id", AgentId{}.ToString()},
          {"message", "If the address has an account here, a mail to it has the agent's id and key"}};
}

Status ApplyUpdateAgent(std::string_view body, Time now, AgentSettings& settings) {
  TRY(const auto json, ParseJsonObject(body));
  ObjectReader reader(json);
  std::optional<std::string> name;
  ReadOptionalName(reader, "name", name);
  settings.name = name.value_or(settings.name);
  ReadFlag(reader, "is_active", settings.is_active);
  ReadSettings(reader, now, settings);
  return reader.Finish();
}

Json EncodeAgent(const Agent& agent) {
  Json json = EncodeSettings(agent.settings);
  AddIdentity(json, agent.identity);
  json["id"] = agent.id.ToString();
  json["is_active"] = agent.settings.is_active;
  json["ssh_public_key"] = Base64Encode(agent.ssh_public_key);
  json["ecdh_public_key"] = Base64Encode(agent.ecdh_public_key);
  json["shroud_enabled"] = false;  // required by shipped clients; there is no such proxy
  json["created_at"] = FormatTime(agent.created_at);
  AddIfAny(json, "last_active_at", agent.last_active_at);
  return json;
}

Json EncodeAgentList(const std::vector<Agent>& agents) {
  Json list = Json::array();
  for (const Agent& agent : agents) list.push_back(EncodeAgent(agent));
  return {{"agents", std::move(list)}};
}

Json EncodeAgentSelf(const Agent& agent, const OrgId& org) {
  Json json = {{"id", agent.id.ToString()},
               {"org_id", org.ToString()},
               {"name", agent.settings.name},
               {"description", agent.settings.description},
               {"scopes", agent.settings.scopes},
               {"is_active", agent.settings.is_active},
               {"intents_api_enabled", agent.settings.intents_api_enabled},
               {"ssh_public_key", Base64Encode(agent.ssh_public_key)},
               {"ecdh_public_key", Base64Encode(agent.ecdh_public_key)},
               {"shroud_enabled", false},
               {"created_at", FormatTime(agent.created_at)}};
  if (agent.created_by) json["created_by"] = agent.created_by->ToString();
  AddIfAny(json, "expires_at", agent.settings.expires_at);
  AddIfAny(json, "last_active_at", agent.last_active_at);
  return json;
}

std::string EncodeAgentWithKey(const Agent& agent, const SecretBytes& key) {
  Json json = {{"agent", EncodeAgent(agent)}};
  if (!key.empty()) json["api_key"] = key.Text();
  std::string body = DumpJson(json);
  WipeStrings(json);
  return body;
}

Result<AgentTokenRequest> DecodeAgentToken(std::string_view body) {
  TRY(const auto json, SecretJson::Parse(body));
  ObjectReader reader(*json);
  AgentTokenRequest request;
  std::optional<std::string> agent;
  reader.OptionalString("agent_id", 1, kUuidChars, agent);
  if (agent) {
    request.agent = AgentId::Parse(*agent);
    if (!request.agent) reader.Refuse("agent_id", "must be a UUID");
  }
  request.key = ReadSecret(reader, "api_key", kMaxKeyBytes);
  TRYV(reader.Finish());
  return request;
}

Json EncodeAgentToken(const AccessToken& token) { return EncodeAccessToken(token); }

Json EncodeAgentToken(const AccessToken& token, const Agent& agent) {
  Json json = EncodeAccessToken(token);
  json["agent_id"] = agent.id.ToString();
  json["vault_ids"] = EncodeVaultIds(agent.settings.vault_ids);
  return json;
}

}  // namespace claviger::api
