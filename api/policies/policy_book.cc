#include "api/policies/policy_book.h"

#include "api/policies/policies_store.h"

namespace claviger::api {
namespace {

constexpr size_t kMaxEntries = 65536;
constexpr size_t kMaxBytes = 128 * 1024 * 1024;

}  // namespace

PolicyBook::PolicyBook(schema::Pool& pool, const Clock& clock)
    : pool_(pool), cache_(clock, {kMaxEntries, kMaxBytes}) {}

Result<PolicyBook::Entry> PolicyBook::For(const Principal& principal, const VaultFacts& vault) {
  if (const auto known = Recall(principal, vault)) return *known;
  const uint64_t epoch = cache_.Epoch();
  TRY(const auto policies, Load(vault));
  cache_.Remember(vault.id, policies, epoch);
  return policies;
}

std::optional<PolicyBook::Entry> PolicyBook::Recall(const Principal& principal, const VaultFacts& vault) {
  if (IsCreator(principal, vault)) return Entry();
  return cache_.Find(vault.id);
}

Result<PolicyBook::Entry> PolicyBook::Load(const VaultFacts& vault) {
  TRY(auto lease, pool_.Acquire());
  TRY(auto policies, policies_store::LoadSet(*lease, vault.org, vault.id));
  if (policies.empty()) return Entry();
  return std::make_shared<const PolicySet>(std::move(policies));
}

void PolicyBook::ForgetVault(const VaultId& vault) { cache_.Forget(vault); }

void PolicyBook::Forget(std::string_view kind, const Uuid& id) {
  if (kind == "policy") ForgetVault(VaultId{id});
}

void PolicyBook::ForgetAll() { cache_.ForgetAll(); }

void PolicyBook::TrustUntil(SteadyTime until) { cache_.TrustUntil(until); }

}  // namespace claviger::api
