#include "api/policies/policies.h"

#include "api/access/change_feed.h"
#include "api/access/conditions.h"
#include "api/policies/policies_store.h"
#include "api/vaults/vaults.h"
#include "api/vaults/vaults_store.h"

namespace claviger::api {
namespace {

constexpr size_t kFixedTextBytes = 600;  // of an encoded policy, besides pattern and conditions

Error PolicyNotFound() { return NotFound("Policy not found"); }

Status CheckConditions(const std::string& text) {
  TRY(const auto conditions, Conditions::Parse(text));
  if (conditions.HasUnknownZone())
    return Invalid("Field 'conditions' names a timezone that is not known here");
  return Ok();
}

std::string JoinNames(const Permissions& permissions) {
  std::string joined;
  for (const auto& name : NamesOf(permissions)) joined += (joined.empty() ? "" : ",") + name;
  return joined;
}

}  // namespace

void NotePolicy(AuditDraft& audit, const Policy& policy) {
  audit.SetResource("policy", policy.id.ToString());
  audit.AddDetail("vault_id", policy.vault.ToString());
  audit.AddDetail("pattern", policy.pattern);
  audit.AddDetail("principal",
                  std::string(crypto::Name(policy.principal_type)) + ":" + FormatUuid(policy.principal));
  audit.AddDetail("permissions", JoinNames(policy.terms.permissions));
  audit.AddDetail("conditions", policy.terms.conditions);
  if (policy.terms.expires_at) audit.AddDetail("expires_at", FormatTime(*policy.terms.expires_at));
}

Result<Grant> Policies::AuthorizeFor(schema::Connection& connection, const Principal& principal,
                                     const VaultId& vault, AuditDraft& audit) const {
  TRY(const auto found, vaults_store::Find(connection, principal.org, vault));
  if (!found) return VaultNotFound();
  return Noted(audit, AuthorizeManager(principal, Permission::kGrant, FactsOf(principal.org, *found)));
}

Result<Policy> Policies::Create(const Principal& principal, const VaultId& vault, CreatePolicyRequest request,
                                AuditDraft& audit) {
  TRY(auto lease, pool_.Acquire());
  TRY(const auto grant, AuthorizeFor(*lease, principal, vault, audit));
  TRYV(CheckConditions(request.terms.conditions));
  Policy policy;
  policy.id = PolicyId{NewUuidV7(clock_, random_)};
  policy.vault = vault;
  policy.pattern = std::move(request.pattern);
  policy.principal_type = request.principal_type;
  policy.principal = request.principal;
  policy.terms = std::move(request.terms);
  policy.created_by_type = principal.type;
  policy.created_by = principal.id;
  policy.created_at = clock_.Now();
  NotePolicy(audit, policy);

  TRY(auto transaction, lease->Begin());
  TRY(const bool locked, policies_store::LockVault(*lease, grant));
  if (!locked) return VaultNotFound();
  TRY(const int64_t count, policies_store::Count(*lease, grant));
  if (count >= kMaxPolicies) return Conflict("The vault has 10000 policies, the most there can be");
  TRYV(lease->Run(policies_store::Insert(grant.org(), policy)));
  TRYV(Commit(*lease, transaction, policy, audit));
  return policy;
}

Result<http::Page<Policy>> Policies::List(const Principal& principal, const VaultId& vault,
                                          const std::optional<PolicyId>& after, int64_t limit,
                                          AuditDraft& audit) {
  TRY(auto lease, pool_.Acquire());
  if (principal.type == PrincipalType::kAgent) {
    TRYV(AuthorizeFor(*lease, principal, vault, audit));
  } else {
    TRY(const auto found, vaults_store::Find(*lease, principal.org, vault));
    if (!found) return VaultNotFound();
  }
  return http::CollectPage<Policy>(
      limit,
      [&](const Policy* last, int64_t count) {
        return policies_store::List(*lease, principal.org, vault, last ? last->id : after, count);
      },
      [](const Policy& policy) {
        return kFixedTextBytes + policy.pattern.size() + policy.terms.conditions.size();
      });
}

Result<Policy> Policies::Update(const Principal& principal, const VaultId& vault, const PolicyId& id,
                                std::string_view body, AuditDraft& audit) {
  TRY(auto lease, pool_.Acquire());
  TRY(const auto grant, AuthorizeFor(*lease, principal, vault, audit));
  TRY(auto transaction, lease->Begin());
  TRY(auto policy, policies_store::Lock(*lease, grant, id));
  if (!policy) return PolicyNotFound();
  TRYV(ApplyUpdatePolicy(body, clock_.Now(), policy->terms));
  TRYV(CheckConditions(policy->terms.conditions));
  TRYV(policies_store::Update(*lease, grant, *policy));
  NotePolicy(audit, *policy);
  TRYV(Commit(*lease, transaction, *policy, audit));
  return *std::move(policy);
}

Status Policies::Delete(const Principal& principal, const VaultId& vault, const PolicyId& id,
                        AuditDraft& audit) {
  TRY(auto lease, pool_.Acquire());
  TRY(const auto grant, AuthorizeFor(*lease, principal, vault, audit));
  TRY(auto transaction, lease->Begin());
  TRY(const auto policy, policies_store::Delete(*lease, grant, id));
  if (!policy) return PolicyNotFound();
  NotePolicy(audit, *policy);
  return Commit(*lease, transaction, *policy, audit);
}

Status Policies::Commit(schema::Connection& connection, schema::Connection::Transaction& transaction,
                        const Policy& policy, AuditDraft& audit) {
  TRYV(connection.Run(ChangeCall("policy", policy.vault.uuid)));
  TRYV(audit_.Insert(connection, audit_.Finish(audit, "success")));
  TRYV(transaction.Commit());
  book_.ForgetVault(policy.vault);
  audit.MarkCommitted();
  return Ok();
}

}  // namespace claviger::api
