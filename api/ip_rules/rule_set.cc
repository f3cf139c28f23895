#include "api/ip_rules/rule_set.h"

#include <algorithm>

namespace claviger::api {

Status RuleSet::Add(std::string_view rule_type, std::string_view cidr, std::string_view applies_to) {
  const auto network = ParseNetwork(cidr);
  const bool allows = rule_type == "allow";
  const bool all = applies_to == "all";
  if (!network || (!allows && rule_type != "deny" && rule_type != "block") ||
      (!all && applies_to != "users" && applies_to != "agents")) {
    return IntegrityFailure("stored IP rule is none");
  }
  const auto add_to = [&](Lists& lists) { (allows ? lists.allowed : lists.denied).push_back(*network); };
  if (all || applies_to == "users") add_to(users_);
  if (all || applies_to == "agents") add_to(agents_);
  return Ok();
}

void RuleSet::Finish() {
  for (Ranges* ranges : {&users_.denied, &users_.allowed, &agents_.denied, &agents_.allowed}) Merge(*ranges);
}

// Networks nest or are disjoint: one that begins within the last one ends there as well.
void RuleSet::Merge(Ranges& ranges) {
  std::sort(ranges.begin(), ranges.end(), [](const Network& a, const Network& b) {
    return a.first != b.first ? a.first < b.first : b.last < a.last;
  });
  Ranges merged;
  for (const Network& range : ranges) {
    if (merged.empty() || !merged.back().Contains(range.first)) merged.push_back(range);
  }
  merged.shrink_to_fit();
  ranges = std::move(merged);
}

bool RuleSet::Contains(const Ranges& ranges, const IpAddress& address) {
  const auto after =
      std::upper_bound(ranges.begin(), ranges.end(), address,
                       [](const IpAddress& value, const Network& range) { return value < range.first; });
  return after != ranges.begin() && std::prev(after)->Contains(address);
}

bool RuleSet::Admits(PrincipalType type, const std::optional<IpAddress>& address) const {
  const Lists& lists = type == PrincipalType::kUser ? users_ : agents_;
  if (lists.empty()) return true;
  if (!address || Contains(lists.denied, *address)) return false;
  return lists.allowed.empty() || Contains(lists.allowed, *address);
}

size_t RuleSet::Bytes() const {
  return sizeof(Network) *
         (users_.denied.size() + users_.allowed.size() + agents_.denied.size() + agents_.allowed.size());
}

}  // namespace claviger::api
