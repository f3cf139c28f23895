#pragma once
// Agents as JSON: what clients send and get. Shared with the command line.

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/auth/auth_wire.h"
#include "api/json/json.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/ids.h"
#include "base/secret_bytes.h"

namespace claviger::api {

inline constexpr std::array<std::string_view, 3> kAgentAuthMethods = {"api_key", "mtls",
                                                                      "oidc_client_credentials"};
inline constexpr int64_t kMinTokenTtlSeconds = 60;
inline constexpr int64_t kMaxTokenTtlSeconds = 86'400;

// What people decide about an agent.
struct AgentSettings {
  std::string name;
  std::string description;
  std::vector<std::string> scopes;
  std::vector<VaultId> vault_ids;  // empty: not bound to any
  bool is_active = true;
  bool intents_api_enabled = false;
  std::vector<std::string> tx_to_allowlist;
  std::vector<std::string> tx_allowed_chains;
  std::optional<std::string> tx_max_value_eth;    // decimal
  std::optional<std::string> tx_daily_limit_eth;  // decimal
  std::optional<int64_t> token_ttl_seconds;
  std::optional<Time> expires_at;
};

// How it proves who it is, fixed for its life.
struct AgentIdentity {
  std::string auth_method = "api_key";
  std::optional<std::string> client_cert_fingerprint;  // "mtls": SHA-256 in hexadecimal
  std::optional<std::string> oidc_issuer;              // "oidc_client_credentials"
  std::optional<std::string> oidc_client_id;
};

struct CreateAgentRequest {
  AgentSettings settings;
  AgentIdentity identity;
};
// kInvalid unless there is a name, every text keeps its bounds, `expires_at` lies after `now`, and the
// authentication method has the members it needs.
Result<CreateAgentRequest> DecodeCreateAgent(std::string_view body, Time now);
Json EncodeCreateAgent(const CreateAgentRequest& request);

// An agent for whoever has this address.
struct EnrollAgentRequest {
  std::string name;
  std::string email;  // normalised
  std::string description;
};
Result<EnrollAgentRequest> DecodeEnrollAgent(std::string_view body);
Json EncodeEnrollAgent(const EnrollAgentRequest& request);
// The same for every address.
Json EncodeEnrollmentAsked();

// What is absent stays; null clears token_ttl_seconds, expires_at and the two limits, [] a list.
Status ApplyUpdateAgent(std::string_view body, Time now, AgentSettings& settings);

struct Agent {
  AgentId id;
  AgentSettings settings;
  AgentIdentity identity;
  Bytes ssh_public_key;   // Ed25519, 32 bytes
  Bytes ecdh_public_key;  // P-256, uncompressed point, 65 bytes
  std::optional<UserId> created_by;
  Time created_at{};
  std::optional<Time> last_active_at;
};
// Shipped clients refuse unknown members: nothing may be added to the encoded form.
Json EncodeAgent(const Agent& agent);
Json EncodeAgentList(const std::vector<Agent>& agents);
// As the agent sees itself.
Json EncodeAgentSelf(const Agent& agent, const OrgId& org);
// The answers that carry a key, if there is one: {"agent", "api_key"}.
std::string EncodeAgentWithKey(const Agent& agent, const SecretBytes& key);

struct AgentTokenRequest {
  std::optional<AgentId> agent;
  SecretBytes key;
};
Result<AgentTokenRequest> DecodeAgentToken(std::string_view body);
// A token response. Shipped clients that name the agent refuse further members; those that do not need them.
Json EncodeAgentToken(const AccessToken& token);
Json EncodeAgentToken(const AccessToken& token, const Agent& agent);

}  // namespace claviger::api
