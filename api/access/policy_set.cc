#include "api/access/policy_set.h"

#include <algorithm>

#include "api/access/path_pattern.h"

namespace claviger::api {
namespace {

constexpr size_t kHolderBytes = 80;  // of a hash table's node, about
constexpr size_t kRuleBytes = 64;

}  // namespace

Result<const Conditions*> PolicySet::Keep(std::string_view text) {
  std::string key(text);
  auto found = conditions_.find(key);
  if (found == conditions_.end()) {
    auto parsed = Conditions::Parse(text);
    if (!parsed) return IntegrityFailure("stored conditions are none");
    bytes_ += key.size() + parsed.value().Bytes();
    found = conditions_.emplace(std::move(key), std::move(parsed).value()).first;
  }
  return found->second.empty() ? nullptr : &found->second;
}

Status PolicySet::Add(const Policy& policy) {
  if (!IsPathPattern(policy.pattern) || policy.permissions.empty() || policy.principal.is_nil()) {
    return IntegrityFailure("stored policy is none");
  }
  TRY(const Conditions* conditions, Keep(policy.conditions));
  const Time until = policy.expires_at.value_or(Time::max());
  const Name name{policy.principal_type, policy.principal};
  auto holder = holders_.find(name);
  if (holder == holders_.end()) {
    holder = holders_.emplace(name, Holder{patterns_.AddRoot(), until}).first;
    bytes_ += kHolderBytes;
  }
  holder->second.until = std::max(holder->second.until, until);
  const auto place = patterns_.Add(holder->second.root, policy.pattern);
  rules_[place].push_back({policy.permissions, until, conditions});
  bytes_ += kRuleBytes;
  return Ok();
}

bool PolicySet::Allow(const Principal& principal, const Circumstances& circumstances, Permission permission,
                      std::string_view path) const {
  const auto holder = holders_.find({principal.type, principal.id});
  if (holder == holders_.end()) return false;
  const auto places = patterns_.Find(holder->second.root, path);
  return std::any_of(places.begin(), places.end(), [&](PathTree::Node place) {
    return Allows(rules_.find(place)->second, circumstances, permission);
  });
}

bool PolicySet::Allows(const std::vector<Rule>& rules, const Circumstances& circumstances,
                       Permission permission) {
  const Conditions* failed = nullptr;  // of many alike the first tells
  for (const Rule& rule : rules) {
    if (!rule.permissions.Allow(permission) || rule.expires_at <= circumstances.now) continue;
    if (rule.conditions == nullptr) return true;
    if (rule.conditions == failed) continue;
    if (rule.conditions->Hold(circumstances)) return true;
    failed = rule.conditions;
  }
  return false;
}

bool PolicySet::Concern(const Principal& principal, Time now) const {
  const auto holder = holders_.find({principal.type, principal.id});
  return holder != holders_.end() && holder->second.until > now;
}

size_t PolicySet::Bytes() const { return sizeof(*this) + patterns_.Bytes() + bytes_; }

}  // namespace claviger::api
