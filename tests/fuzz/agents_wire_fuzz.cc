// Agents as JSON, from clients: what is taken obeys the rules, prints back, and changes only what it names.
#include <nlohmann/json.hpp>

#include "api/agents/agents_wire.h"
#include "api/json/string_list.h"
#include "api/json/text_rules.h"
#include "tests/fuzz/require.h"

using namespace claviger;
using namespace claviger::api;
using fuzz::Require;

namespace {

constexpr Time kNow{std::chrono::seconds{1'700'000'000}};

void RequireSettings(const AgentSettings& settings) {
  Require(!settings.name.empty() && IsUtf8(settings.name) && !HasControl(settings.name),
          "names obey the rules");
  Require(settings.description.size() <= kMaxDescriptionBytes && IsUtf8(settings.description),
          "descriptions are bounded");
  Require(settings.scopes.size() <= 50 && settings.vault_ids.size() <= 100, "lists are bounded");
  for (const auto* list : {&settings.scopes, &settings.tx_to_allowlist, &settings.tx_allowed_chains}) {
    for (const auto& text : *list) {
      Require(!text.empty() && text.size() <= 128 && IsUtf8(text) && !HasControl(text),
              "items are bounded text");
    }
    const auto stored = ParseStrings(DumpStrings(*list));
    Require(stored && stored.value() == *list, "lists are stored as they are");
  }
  const auto vaults = ParseIds<VaultId>(DumpIds(settings.vault_ids));
  Require(vaults && vaults.value() == settings.vault_ids, "ids are stored as they are");
  const auto ttl = settings.token_ttl_seconds;
  Require(!ttl || (*ttl >= kMinTokenTtlSeconds && *ttl <= kMaxTokenTtlSeconds), "tokens have a sane life");
  Require(!settings.expires_at || *settings.expires_at > kNow, "agents end in the future");
}

void CheckCreate(std::string_view text) {
  const auto request = DecodeCreateAgent(text, kNow);
  if (!request) return;
  const auto& [settings, identity] = request.value();
  RequireSettings(settings);
  Require((identity.auth_method == "mtls") == identity.client_cert_fingerprint.has_value(),
          "agents with a certificate have its fingerprint, and nobody else");
  const bool oidc = identity.auth_method == "oidc_client_credentials";
  Require(oidc == identity.oidc_issuer.has_value() && oidc == identity.oidc_client_id.has_value(),
          "agents of an issuer name it, and nobody else");
  const auto again = DecodeCreateAgent(DumpJson(EncodeCreateAgent(request.value())), kNow);
  Require(again && EncodeCreateAgent(again.value()) == EncodeCreateAgent(request.value()),
          "requests print back");
}

void CheckUpdate(std::string_view text) {
  AgentSettings settings;
  settings.name = "before";
  if (!ApplyUpdateAgent(text, kNow, settings)) return;
  RequireSettings(settings);
  AgentSettings again = settings;
  Require(ApplyUpdateAgent(text, kNow, again).has_value(), "a change can be repeated");
  Require(EncodeCreateAgent({again, {}}) == EncodeCreateAgent({settings, {}}), "and changes nothing then");
}

void CheckEnroll(std::string_view text) {
  const auto request = DecodeEnrollAgent(text);
  if (!request) return;
  const auto& [name, email, description] = request.value();
  AgentSettings settings;
  settings.name = name;
  settings.description = description;
  RequireSettings(settings);
  const auto normal = NormalizeEmail(email);
  Require(normal && normal.value() == email, "addresses are normal");
  const auto again = DecodeEnrollAgent(DumpJson(EncodeEnrollAgent(request.value())));
  Require(again && EncodeEnrollAgent(again.value()) == EncodeEnrollAgent(request.value()),
          "requests print back");
}

void CheckToken(std::string_view text) {
  const auto request = DecodeAgentToken(text);
  if (!request) return;
  const SecretBytes& key = request.value().key;
  Require(!key.empty() && key.size() <= 256 && IsUtf8(key.Text()), "keys are text within the limit");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = fuzz::Text(data, size);
  CheckCreate(text);
  CheckUpdate(text);
  CheckEnroll(text);
  CheckToken(text);
  return 0;
}
