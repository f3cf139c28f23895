#include "api/agents/agents.h"

#include <algorithm>
#include <limits>

#include "api/access/change_feed.h"
#include "api/access/path_pattern.h"
#include "api/policies/policies_store.h"
#include "crypto/credential.h"

namespace claviger::api {
namespace {

constexpr size_t kFixedTextBytes = 1024;  // of an encoded agent, besides its texts and lists
// What a token can carry of patterns, as the longest list of scopes that an agent may have.
constexpr int64_t kMaxPatterns = 200;
constexpr size_t kMaxPatternsBytes = 5000;

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
  return principal.Manages() || (agent.created_by && agent.created_by->uuid == principal.id);
}

// Labels say nothing of paths.
std::vector<std::string> PathScopes(const std::vector<std::string>& scopes) {
  std::vector<std::string> globs;
  std::copy_if(scopes.begin(), scopes.end(), std::back_inserter(globs), IsPathScope);
  return globs;
}

bool FitIntoToken(const std::vector<std::string>& patterns) {
  size_t bytes = 0;
  for (const auto& pattern : patterns) bytes += pattern.size() + 3;  // as JSON
  return patterns.size() <= static_cast<size_t>(kMaxPatterns) && bytes <= kMaxPatternsBytes;
}

}  // namespace

Status Agents::CheckVaults(const OrgId& org, const std::vector<VaultId>& vaults) {
  if (vaults.empty()) return Ok();
  TRY(auto lease, parts_.pool.Acquire());
  TRY(const bool known, agents_store::HasVaults(*lease, org, vaults));
  if (!known) return Invalid("Field 'vault_ids' names a vault that does not exist");
  return Ok();
}

Result<Agents::WithKey> Agents::Create(const Principal& principal, CreateAgentRequest request,
                                       AuditDraft& audit) {
  TRYV(CheckVaults(principal.org, request.settings.vault_ids));
  TRY(auto made, maker_.Draw(principal, std::move(request)));
  audit.SetResource("agent", made.agent.id.ToString());
  TRY(const bool stored,
      maker_.Store(principal, made, audit, [&](schema::Connection& connection) -> Result<bool> {
        TRYV(parts_.tier.Check(connection, Tier::Resource::kAgents, principal.org, audit));
        TRYV(parts_.audit.Insert(connection, parts_.audit.Finish(audit, "success")));
        return true;
      }));
  if (!stored) return Conflict("The organisation has 10000 agents, the most there can be");
  audit.MarkCommitted();
  return WithKey{std::move(made.agent), std::move(made.key)};
}

Result<http::Page<Agent>> Agents::List(const Principal& principal, const std::optional<AgentId>& after,
                                       int64_t limit) {
  TRY(auto lease, parts_.pool.Acquire());
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
  TRY(auto lease, parts_.pool.Acquire());
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
  TRYV(parts_.audit.Insert(connection, parts_.audit.Finish(audit, "success")));
  TRYV(transaction.Commit());
  parts_.authenticator.ForgetAgent(id);
  audit.MarkCommitted();
  return Ok();
}

// Tokens carry whole seconds: one that is given from now on, in this second too, counts from the next. After
// another change in this very second tokens already do, so this one goes beyond it.
Time Agents::NextValidFrom(const agents_store::Found& found) const {
  const Time next_second = Time{std::chrono::seconds{UnixSeconds(parts_.clock.Now()) + 1}};
  return std::max(next_second, found.tokens_valid_from + std::chrono::seconds(1));
}

Result<Agent> Agents::Update(const Principal& principal, const AgentId& id, std::string_view body,
                             AuditDraft& audit) {
  TRY(auto lease, parts_.pool.Acquire());
  TRY(auto transaction, lease->Begin());
  TRY(auto found, LockForChange(*lease, principal, id));
  AgentSettings& settings = found.agent.settings;
  const bool was_active = settings.is_active;
  const auto bound_before = settings.vault_ids;
  TRYV(ApplyUpdateAgent(body, parts_.clock.Now(), settings));
  // Vaults it was bound to may be gone by now.
  if (settings.vault_ids != bound_before) {
    TRY(const bool known, agents_store::HasVaults(*lease, principal.org, settings.vault_ids));
    if (!known) return Invalid("Field 'vault_ids' names a vault that does not exist");
  }
  const bool revived = settings.is_active && !was_active;
  TRYV(agents_store::Update(*lease, principal.org, id, settings,
                            revived ? NextValidFrom(found) : found.tokens_valid_from));
  if (revived) {
    TRYV(parts_.tier.Check(*lease, Tier::Resource::kAgents, principal.org, audit));
  }
  TRYV(Commit(*lease, transaction, id, audit));
  return std::move(found.agent);
}

Status Agents::Deactivate(const Principal& principal, const AgentId& id, AuditDraft& audit) {
  TRY(auto lease, parts_.pool.Acquire());
  TRY(auto transaction, lease->Begin());
  TRY(auto found, LockForChange(*lease, principal, id));
  found.agent.settings.is_active = false;
  TRYV(agents_store::Update(*lease, principal.org, id, found.agent.settings, found.tokens_valid_from));
  return Commit(*lease, transaction, id, audit);
}

Result<Agents::WithKey> Agents::RotateKey(const Principal& principal, const AgentId& id, AuditDraft& audit) {
  WithKey rotated;
  rotated.key = crypto::NewCredential(kAgentKeyPrefix, parts_.random);
  TRY(const auto mac, crypto::CredentialMac(parts_.keyring, kAgentKeyPurpose, rotated.key.Text()));
  TRY(auto lease, parts_.pool.Acquire());
  TRY(auto transaction, lease->Begin());
  TRY(auto found, LockForChange(*lease, principal, id));
  if (found.agent.identity.auth_method != "api_key") return Invalid("The agent has no API key");
  TRYV(agents_store::SetKey(*lease, principal.org, id, mac, NextValidFrom(found)));
  TRYV(Commit(*lease, transaction, id, audit));
  rotated.agent = std::move(found.agent);
  return rotated;
}

Result<std::vector<std::string>> Agents::ScopesFor(schema::Connection& connection, const OrgId& org,
                                                   const Agent& agent, Time now) {
  auto scopes = PathScopes(agent.settings.scopes);
  if (!scopes.empty()) return scopes;
  TRY(scopes, policies_store::PatternsOf(connection, org, agent.id, now, kMaxPatterns + 1));
  // Policies decide in any case; then they do so alone.
  if (!FitIntoToken(scopes)) scopes = {std::string(kAnySegments)};
  return scopes;
}

Result<Agents::Exchanged> Agents::Exchange(const AgentTokenRequest& request, AuditDraft& audit) {
  auto proven = parts_.authenticator.AuthenticateKey(request.key.Text());
  if (!proven.has_value()) return RefuseExchange(proven.error());
  const Principal& principal = proven.value();
  const AgentId id{principal.id};
  if (principal.type != PrincipalType::kAgent) return InvalidCredentials("the key is not an agent's");
  if (request.agent && !(*request.agent == id)) return InvalidCredentials("the key is another agent's");
  audit.SetActor(principal);
  audit.SetResource("agent", id.ToString());

  // The cache may not know yet that the key was rotated. The row that has the key says from when on its
  // tokens count; a rotation after this look kills the token, as it was given before.
  const Time now = parts_.clock.Now();
  TRY(const auto macs, crypto::CredentialMacs(parts_.keyring, kAgentKeyPurpose, request.key.Text()));
  TRY(auto lease, parts_.pool.Acquire());
  TRY(auto found, agents_store::FindByKey(*lease, principal.org, id, macs));
  if (!found) return InvalidCredentials("the key was rotated");
  const AgentSettings& settings = found->agent.settings;
  TokenTerms terms;
  terms.type = PrincipalType::kAgent;
  terms.subject = principal.id;
  terms.org = principal.org;
  TRY(terms.scopes, ScopesFor(*lease, principal.org, found->agent, now));
  terms.valid_from = found->tokens_valid_from;
  terms.seconds = settings.token_ttl_seconds.value_or(crypto::kMaxTokenLifetimeSeconds);
  terms.end = principal.expires_at;
  auto token = parts_.tokens.Issue(terms, now);
  if (!token.has_value()) return RefuseExchange(token.error());
  audit.SetAction("auth.success");
  return Exchanged{std::move(token).value(), std::move(found->agent)};
}

}  // namespace claviger::api
