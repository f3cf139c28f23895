#pragma once
// IP rules as JSON: what clients send and get. Shared with the command line.

#include <string>
#include <string_view>
#include <vector>

#include "api/json/json.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/ids.h"

namespace claviger::api {

using IpRuleId = Id<struct IpRuleTag>;

struct CreateIpRuleRequest {
  std::string rule_type;           // "allow", "deny", or "block", which is another word for deny
  std::string cidr;                // a network or a single address (base/network.h)
  std::string label;               // may be empty
  std::string applies_to = "all";  // "all", "users", "agents"
};
// kInvalid unless `rule_type`, `cidr` and `applies_to` are as above. `label` may be sent as `description`; if
// both are there, `label` counts.
Result<CreateIpRuleRequest> DecodeCreateIpRule(std::string_view body);
Json EncodeCreateIpRule(const CreateIpRuleRequest& request);

// All as it was sent.
struct IpRule {
  IpRuleId id;
  OrgId org;
  std::string rule_type;
  std::string cidr;
  std::string label;
  std::string applies_to;
  Uuid created_by{};
  Time created_at{};
};
Json EncodeIpRule(const IpRule& rule);
Json EncodeIpRuleList(const std::vector<IpRule>& rules);

}  // namespace claviger::api
