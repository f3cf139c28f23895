#include "api/ip_rules/ip_gate.h"

#include "api/ip_rules/ip_rules_store.h"

namespace claviger::api {
namespace {

constexpr size_t kMaxEntries = 65536;
constexpr size_t kMaxBytes = 64 * 1024 * 1024;

size_t BytesOf(const std::shared_ptr<const RuleSet>& rules) { return rules ? rules->Bytes() : 0; }

bool Passes(const std::shared_ptr<const RuleSet>& rules, const Principal& principal,
            const http::ClientAddress& client) {
  return !rules || rules->Admits(principal.type, client.ip);
}

}  // namespace

Result<bool> IpGate::Admits(const Principal& principal, const http::ClientAddress& client) {
  if (const auto known = Recall(principal, client)) return *known;
  const uint64_t epoch = Epoch();
  TRY(const auto rules, Load(principal.org));
  Remember(principal.org, rules, epoch);
  return Passes(rules, principal, client);
}

std::optional<bool> IpGate::Recall(const Principal& principal, const http::ClientAddress& client) {
  const auto rules = Find(principal.org);
  if (!rules) return std::nullopt;
  return Passes(*rules, principal, client);
}

Result<IpGate::Rules> IpGate::Load(const OrgId& org) {
  TRY(auto lease, pool_.Acquire());
  TRY(auto rules, ip_rules_store::LoadRuleSet(*lease, org));
  if (rules.empty()) return Rules();
  return std::make_shared<const RuleSet>(std::move(rules));
}

std::optional<IpGate::Rules> IpGate::Find(const OrgId& org) {
  // Trust before look-up: what the feed made this cache forget before it renewed the trust is gone by then.
  if (clock_.Steady() >= trusted_until_.load()) return std::nullopt;
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(org);
  if (found == entries_.end()) return std::nullopt;
  return found->second;
}

void IpGate::Remember(const OrgId& org, const Rules& rules, uint64_t epoch) {
  const size_t bytes = BytesOf(rules);
  const std::lock_guard lock(mutex_);
  if (epoch != epoch_) return;
  if (const auto old = entries_.find(org); old != entries_.end()) Drop(old);
  // Any victim will do: what is dropped costs its organisation one SELECT.
  while (!entries_.empty() && (entries_.size() >= kMaxEntries || bytes_ + bytes > kMaxBytes)) {
    Drop(entries_.begin());
  }
  entries_.emplace(org, rules);
  bytes_ += bytes;
}

void IpGate::Drop(std::unordered_map<OrgId, Rules>::iterator entry) {
  bytes_ -= BytesOf(entry->second);
  entries_.erase(entry);
}

uint64_t IpGate::Epoch() {
  const std::lock_guard lock(mutex_);
  return epoch_;
}

void IpGate::ForgetOrg(const OrgId& org) {
  const std::lock_guard lock(mutex_);
  ++epoch_;
  if (const auto found = entries_.find(org); found != entries_.end()) Drop(found);
}

void IpGate::Forget(std::string_view kind, const Uuid& id) {
  if (kind == "org") ForgetOrg(OrgId{id});
}

void IpGate::ForgetAll() {
  const std::lock_guard lock(mutex_);
  ++epoch_;
  entries_.clear();
  bytes_ = 0;
}

void IpGate::TrustUntil(SteadyTime until) { trusted_until_.store(until); }

}  // namespace claviger::api
