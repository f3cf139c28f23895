#include "api/agents/agents.h"

#include <algorithm>
#include <limits>

#include "api/access/change_feed.h"
#include "crypto/credential.h"

namespace claviger::api {
namespace {

constexpr int kStoreAttempts = 3;
constexpr size_t kFixedTextBytes = 1024;  // of an encoded agent, besides its texts and lists

Error AgentNotFound() { return NotFound("Agent not found"); }

Error InvalidCredentials(std::string cause) {
  return MakeError(ErrorKind::kUnauthenticated, "Invalid credentials", std::move(cause));
}

// The one text for every fault of a key that is to be exchanged; other failures stay what they are.
Error RefuseExchange(Error error) {
  if (error.kind == ErrorKind::kUnauthenticated) error.detail = "Invalid credentials";
  return error;
}

size_t SizeOf(const Agent& agent) {
  const AgentSettings& settings = agent.settings;
  size_t size =
      kFixedTextBytes + settings.name.size() + settings.description.size() + 40 * settings.vault_ids.size();
  for (const auto* list : {&settings.scopes, &settings.tx_to_allowlist, &settings.tx_allowed_chains}) {
    for (const auto& text : *list) size += text.size() + 3;
  }
  return size;
}

bool MayChange(const Principal& principal, const Agent& agent) {
  if (principal.type != PrincipalType::kUser) return false;
  return principal.role != Role::kMember || (agent.created_by && agent.created_by->uuid == principal.id);
}

// Labels say nothing of paths.
std::vector<std::string> PathScopes(const std::vector<std::string>& scopes) {
  std::vector<std::string> globs;
  std::copy_if(scopes.begin(), scopes.end(), std::back_inserter(globs), IsPathScope);
  return globs;
}

Time StartOfSecond(Time time) { return Time{std::chrono::seconds{UnixSeconds(time)}}; }

}  // namespace

Agents::Agents(const Parts& parts)
    : pool_(parts.pool),
      keyring_(parts.keyring),
      authenticator_(parts.authenticator),
      tokens_(parts.tokens),
      audit_(parts.audit),
      clock_(parts.clock),
      random_(parts.random),
      identity_vault_(parts.pool, parts.keyring, parts.audit, parts.clock, parts.random) {}

Status Agents::CheckRoom(const OrgId& org) {
  TRY(auto lease, pool_.Acquire());
  TRY(const int64_t count, agents_store::Count(*lease, org));
  if (count >= kMaxAgents) return Conflict("The organisation has 10000 agents, the most there can be");
  return Ok();
}

Status Agents::CheckVaults(const OrgId& org, const std::vector<VaultId>& vaults) {
  if (vaults.empty()) return Ok();
  TRY(auto lease, pool_.Acquire());
  TRY(const bool known, agents_store::HasVaults(*lease, org, vaults));
  if (!known) return Invalid("Field 'vault_ids' names a vault that does not exist");
  return Ok();
}

Result<Agents::WithKey> Agents::Create(const Principal& principal, CreateAgentRequest request,
                                       AuditDraft& audit) {
  TRYV(CheckRoom(principal.org));
  TRYV(CheckVaults(principal.org, request.settings.vault_ids));
  IdentityVault::Keys keys;
  TRY(keys.ssh, crypto::GenerateEd25519(random_));
  TRY(keys.ecdh, crypto::GenerateP256(random_));

  WithKey made;
  Agent& agent = made.agent;
  agent.id = AgentId{NewUuidV7(clock_, random_)};
  agent.settings = std::move(request.settings);
  agent.identity = std::move(request.identity);
  agent.ssh_public_key = keys.ssh.public_key;
  agent.ecdh_public_key = keys.ecdh.public_key;
  agent.created_by = UserId{principal.id};
  agent.created_at = clock_.Now();
  audit.SetResource("agent", agent.id.ToString());

  std::optional<Bytes> mac;
  if (agent.identity.auth_method == "api_key") {
    made.key = crypto::NewCredential(kAgentKeyPrefix, random_);
    TRY(mac, crypto::CredentialMac(keyring_, kAgentKeyPurpose, made.key.Text()));
  }
  TRYV(Store(principal, agent, mac, keys, audit));
  return made;
}

Status Agents::Store(const Principal& principal, const Agent& agent, const std::optional<Bytes>& mac,
                     const IdentityVault::Keys& keys, AuditDraft& audit) {
  for (int attempt = 0; attempt < kStoreAttempts; ++attempt) {
    TRY(auto calls, identity_vault_.StoreCalls(principal, agent.id, keys, audit));
    calls.push_back(agents_store::Insert(principal.org, agent, mac, StartOfSecond(agent.created_at)));
    calls.push_back(audit_.InsertCall(audit_.Finish(audit, "success")));
    TRY(auto lease, pool_.Acquire());
    const auto committed = lease->RunTogether(calls);
    if (committed.has_value()) {
      audit.MarkCommitted();
      return Ok();
    }
    if (committed.error().sqlstate == "23503") return Unauthenticated("the account is gone");
    if (committed.error().kind != ErrorKind::kConflict) return committed.as_failure();
  }
  return Conflict("Others are creating agents; try again");
}

Result<http::Page<Agent>> Agents::List(const Principal& principal, const std::optional<AgentId>& after,
                                       int64_t limit) {
  TRY(auto lease, pool_.Acquire());
  return http::CollectPage<Agent>(
      limit,
      [&](const Agent* last, int64_t count) {
        return agents_store::List(*lease, principal.org, last ? last->id : after, count);
      },
      SizeOf);
}

Result<Agent> Agents::Get(const Principal& principal, const AgentId& id) {
  if (principal.type == PrincipalType::kAgent && principal.id != id.uuid) {
    return Forbidden("Insufficient permissions");
  }
  TRY(auto lease, pool_.Acquire());
  TRY(auto found, agents_store::Find(*lease, principal.org, id));
  if (!found && principal.type == PrincipalType::kAgent) return Unauthenticated("the agent is gone");
  if (!found) return AgentNotFound();
  return std::move(found->agent);
}

Result<agents_store::Found> Agents::LockForChange(schema::Connection& connection, const Principal& principal,
                                                  const AgentId& id) {
  TRY(auto found, agents_store::Lock(connection, principal.org, id));
  if (!found) return AgentNotFound();
  if (!MayChange(principal, found->agent)) return Forbidden("Insufficient permissions");
  return *std::move(found);
}

Status Agents::Commit(schema::Connection& connection, schema::Connection::Transaction& transaction,
                      const AgentId& id, AuditDraft& audit) {
  TRYV(connection.Run(ChangeCall("agent", id.uuid)));
  TRYV(audit_.Insert(connection, audit_.Finish(audit, "success")));
  TRYV(transaction.Commit());
  authenticator_.ForgetAgent(id);
  audit.MarkCommitted();
  return Ok();
}

Result<Agent> Agents::Update(const Principal& principal, const AgentId& id, std::string_view body,
                             AuditDraft& audit) {
  TRY(auto lease, pool_.Acquire());
  TRY(auto transaction, lease->Begin());
  TRY(auto found, LockForChange(*lease, principal, id));
  AgentSettings& settings = found.agent.settings;
  const auto bound_before = settings.vault_ids;
  TRYV(ApplyUpdateAgent(body, clock_.Now(), settings));
  // Vaults it was bound to may be gone by now.
  if (settings.vault_ids != bound_before) {
    TRY(const bool known, agents_store::HasVaults(*lease, principal.org, settings.vault_ids));
    if (!known) return Invalid("Field 'vault_ids' names a vault that does not exist");
  }
  TRYV(agents_store::Update(*lease, principal.org, id, settings));
  TRYV(Commit(*lease, transaction, id, audit));
  return std::move(found.agent);
}

Status Agents::Deactivate(const Principal& principal, const AgentId& id, AuditDraft& audit) {
  TRY(auto lease, pool_.Acquire());
  TRY(auto transaction, lease->Begin());
  TRY(auto found, LockForChange(*lease, principal, id));
  found.agent.settings.is_active = false;
  TRYV(agents_store::Update(*lease, principal.org, id, found.agent.settings));
  return Commit(*lease, transaction, id, audit);
}

Result<Agents::WithKey> Agents::RotateKey(const Principal& principal, const AgentId& id, AuditDraft& audit) {
  WithKey rotated;
  rotated.key = crypto::NewCredential(kAgentKeyPrefix, random_);
  TRY(const auto mac, crypto::CredentialMac(keyring_, kAgentKeyPurpose, rotated.key.Text()));
  TRY(auto lease, pool_.Acquire());
  TRY(auto transaction, lease->Begin());
  TRY(auto found, LockForChange(*lease, principal, id));
  if (found.agent.identity.auth_method != "api_key") return Invalid("The agent has no API key");
  // Tokens carry whole seconds: one that is given from now on, in this second too, counts from the next.
  const Time next_second = Time{std::chrono::seconds{UnixSeconds(clock_.Now()) + 1}};
  TRYV(agents_store::SetKey(*lease, principal.org, id, mac, std::max(next_second, found.tokens_valid_from)));
  TRYV(Commit(*lease, transaction, id, audit));
  rotated.agent = std::move(found.agent);
  return rotated;
}

Result<Agents::Exchanged> Agents::Exchange(const AgentTokenRequest& request, AuditDraft& audit) {
  auto proven = authenticator_.AuthenticateKey(request.key.Text());
  if (!proven.has_value()) return RefuseExchange(proven.error());
  const Principal& principal = proven.value();
  const AgentId id{principal.id};
  if (principal.type != PrincipalType::kAgent) return InvalidCredentials("the key is not an agent's");
  if (request.agent && !(*request.agent == id)) return InvalidCredentials("the key is another agent's");
  audit.SetActor(principal);
  audit.SetResource("agent", id.ToString());

  // The cache may not know yet that the key was rotated. The row that has the key says from when on its
  // tokens count; a rotation after this look kills the token, as it was given before.
  const Time now = clock_.Now();
  TRY(const auto mac, crypto::CredentialMac(keyring_, kAgentKeyPurpose, request.key.Text()));
  TRY(auto lease, pool_.Acquire());
  TRY(auto found, agents_store::FindByKey(*lease, principal.org, id, mac));
  if (!found) return InvalidCredentials("the key was rotated");
  const AgentSettings& settings = found->agent.settings;
  TokenTerms terms;
  terms.type = PrincipalType::kAgent;
  terms.subject = principal.id;
  terms.org = principal.org;
  terms.scopes = PathScopes(settings.scopes);
  terms.valid_from = found->tokens_valid_from;
  terms.seconds = settings.token_ttl_seconds.value_or(crypto::kMaxTokenLifetimeSeconds);
  terms.end = principal.expires_at;
  auto token = tokens_.Issue(terms, now);
  if (!token.has_value()) return RefuseExchange(token.error());
  audit.SetAction("auth.success");
  return Exchanged{std::move(token).value(), std::move(found->agent)};
}

}  // namespace claviger::api
