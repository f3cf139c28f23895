#pragma once
// What an organisation's IP rules say of an address. A matching deny refuses; else, if there is any allow
// rule, one must match; else the address may pass. Rules for users bind people only, rules for agents agents
// only.
//
// Built once from the rules and then asked on every request: a look-up is two binary searches, whatever the
// number of rules.

#include <optional>
#include <string_view>
#include <vector>

#include "api/access/principal.h"
#include "base/error.h"
#include "base/network.h"

namespace claviger::api {

class RuleSet {
 public:
  // As stored; kIntegrity if it is no rule. Then Finish().
  Status Add(std::string_view rule_type, std::string_view cidr, std::string_view applies_to);
  void Finish();

  // A client without an address (Unix socket) passes only where no rule binds it: it may be anybody.
  bool Admits(PrincipalType type, const std::optional<IpAddress>& address) const;
  bool empty() const { return users_.empty() && agents_.empty(); }
  // Of memory, about.
  size_t Bytes() const;

 private:
  // Disjoint and in order.
  using Ranges = std::vector<Network>;
  struct Lists {
    Ranges denied;
    Ranges allowed;
    bool empty() const { return denied.empty() && allowed.empty(); }
  };
  static void Merge(Ranges& ranges);
  static bool Contains(const Ranges& ranges, const IpAddress& address);

  Lists users_;
  Lists agents_;
};

}  // namespace claviger::api
