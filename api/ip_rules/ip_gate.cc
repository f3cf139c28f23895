#include "api/ip_rules/ip_gate.h"

#include "api/ip_rules/ip_rules_store.h"

namespace claviger::api {
namespace {

constexpr size_t kMaxEntries = 65536;
constexpr size_t kMaxBytes = 64 * 1024 * 1024;

bool Passes(const std::shared_ptr<const RuleSet>& rules, const Principal& principal,
            const http::ClientAddress& client) {
  return !rules || rules->Admits(principal.type, client.ip);
}

}  // namespace

IpGate::IpGate(schema::Pool& pool, const Clock& clock)
    : pool_(pool), cache_(clock, {kMaxEntries, kMaxBytes}) {}

Result<bool> IpGate::Admits(const Principal& principal, const http::ClientAddress& client) {
  if (const auto known = Recall(principal, client)) return *known;
  const uint64_t epoch = cache_.Epoch();
  TRY(const auto rules, Load(principal.org));
  cache_.Remember(principal.org, rules, epoch);
  return Passes(rules, principal, client);
}

std::optional<bool> IpGate::Recall(const Principal& principal, const http::ClientAddress& client) {
  const auto rules = cache_.Find(principal.org);
  if (!rules) return std::nullopt;
  return Passes(*rules, principal, client);
}

Result<IpGate::Rules> IpGate::Load(const OrgId& org) {
  TRY(auto lease, pool_.Acquire());
  TRY(auto rules, ip_rules_store::LoadRuleSet(*lease, org));
  if (rules.empty()) return Rules();
  return std::make_shared<const RuleSet>(std::move(rules));
}

void IpGate::ForgetOrg(const OrgId& org) { cache_.Forget(org); }

void IpGate::Forget(std::string_view kind, const Uuid& id) {
  if (kind == "org") ForgetOrg(OrgId{id});
}

void IpGate::ForgetAll() { cache_.ForgetAll(); }

void IpGate::TrustUntil(SteadyTime until) { cache_.TrustUntil(until); }

}  // namespace claviger::api
