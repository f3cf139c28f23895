#include "api/vaults/vaults.h"

#include "api/access/path_pattern.h"
#include "api/agents/agents_store.h"
#include "api/policies/policies.h"
#include "api/policies/policies_store.h"
#include "api/vaults/vaults_store.h"

namespace claviger::api {
namespace {

constexpr uint32_t kFirstKekVersion = 1;
constexpr size_t kFixedTextBytes = 300;  // of an encoded vault, besides name and description

Error ExplainInsert(Error error) {
  if (error.sqlstate == "23505") return Conflict("A vault with this name already exists");
  // The only other reference is to the organisation: it went while this request was on its way.
  if (error.sqlstate == "23503") return Unauthenticated("organisation deleted");
  return error;
}

}  // namespace

VaultFacts FactsOf(const OrgId& org, const Vault& vault) {
  const bool by_agent = vault.created_by_type == crypto::Name(PrincipalType::kAgent);
  return {org, vault.id, by_agent ? PrincipalType::kAgent : PrincipalType::kUser, vault.created_by};
}

Error VaultNotFound() { return NotFound("Vault not found"); }

Result<Vault> Vaults::Create(const Principal& principal, CreateVaultRequest request, AuditDraft& audit) {
  if (!principal.vaults.empty()) return Forbidden("Insufficient permissions");
  Vault vault;
  vault.id = VaultId{NewUuidV7(clock_, random_)};
  vault.name = std::move(request.name);
  vault.description = std::move(request.description);
  vault.created_by_type = crypto::Name(principal.type);
  vault.created_by = principal.id;
  vault.created_at = clock_.Now();
  audit.SetResource("vault", vault.id.ToString());

  TRY(const auto kek, keyring_.GenerateKek({principal.org, vault.id, kFirstKekVersion}));
  std::vector<schema::Connection::Call> calls = {vaults_store::Insert(principal.org, vault),
                                                 vaults_store::InsertKek(kek, vault.created_at),
                                                 audit_.InsertCall(audit_.Finish(audit, "success"))};
  if (principal.type == PrincipalType::kAgent) {
    TRY(auto share, ShareWithHuman(principal, vault, audit));
    for (auto& call : share) calls.push_back(std::move(call));
  }
  TRY(auto lease, pool_.Acquire());
  const auto committed = tier_.RunTogether(*lease, Tier::Resource::kVaults, principal.org, calls, audit);
  if (!committed) return ExplainInsert(committed.error());
  audit.MarkCommitted();
  return vault;
}

// No cache can know policies of a vault that is not there yet.
Result<std::vector<schema::Connection::Call>> Vaults::ShareWithHuman(const Principal& agent,
                                                                     const Vault& vault,
                                                                     const AuditDraft& audit) {
  TRY(auto lease, pool_.Acquire());
  TRY(const auto found, agents_store::Find(*lease, agent.org, AgentId{agent.id}));
  if (!found || !found->agent.created_by) return std::vector<schema::Connection::Call>();
  Policy policy;
  policy.id = PolicyId{NewUuidV7(clock_, random_)};
  policy.vault = vault.id;
  policy.pattern = kAnySegments;
  policy.principal = found->agent.created_by->uuid;
  policy.terms.permissions = {.read = true, .write = true, .remove = true};
  policy.created_by_type = agent.type;
  policy.created_by = agent.id;
  policy.created_at = vault.created_at;
  AuditDraft made = audit;
  made.SetAction("policy.create");
  NotePolicy(made, policy);
  return std::vector{policies_store::Insert(agent.org, policy),
                     audit_.InsertCall(audit_.Finish(made, "success"))};
}

Result<http::Page<Vault>> Vaults::List(const Principal& principal, const std::optional<VaultId>& after,
                                       int64_t limit) {
  std::optional<Uuid> agent;
  if (principal.type == PrincipalType::kAgent) agent = principal.id;
  TRY(auto lease, pool_.Acquire());
  return http::CollectPage<Vault>(
      limit,
      [&](const Vault* last, int64_t count) {
        return vaults_store::List(*lease, principal.org, {agent, principal.vaults, clock_.Now()},
                                  last ? last->id : after, count);
      },
      [](const Vault& vault) { return kFixedTextBytes + vault.name.size() + vault.description.size(); });
}

Result<Vault> Vaults::Get(const Principal& principal, const VaultId& id, AuditDraft& audit) {
  TRY(auto lease, pool_.Acquire());
  TRY(auto vault, vaults_store::Find(*lease, principal.org, id));
  if (!vault) return VaultNotFound();
  if (principal.type == PrincipalType::kAgent && !IsCreator(principal, FactsOf(principal.org, *vault))) {
    TRY(const bool concerned, policies_store::HasLive(*lease, principal.org, id, principal.id, clock_.Now()));
    if (!concerned) {
      audit.AddDetail("reason", "no_policy");
      return Forbidden("Insufficient permissions");
    }
  }
  return *std::move(vault);
}

Status Vaults::Delete(const Principal& principal, const VaultId& id, AuditDraft& audit) {
  TRY(auto lease, pool_.Acquire());
  TRY(const auto vault, vaults_store::Find(*lease, principal.org, id));
  if (!vault) return VaultNotFound();
  TRY(const auto grant,
      Noted(audit, AuthorizeManager(principal, Permission::kManage, FactsOf(principal.org, *vault))));

  TRY(auto transaction, lease->Begin());
  TRY(const bool locked, vaults_store::Lock(*lease, grant));
  if (!locked) return VaultNotFound();
  TRYV(vaults_store::Delete(*lease, grant));
  TRYV(audit_.Insert(*lease, audit_.Finish(audit, "success")));
  TRYV(transaction.Commit());
  audit.MarkCommitted();
  keyring_.ForgetKeks(id);
  return Ok();
}

}  // namespace claviger::api
