// IP rules as JSON, from clients: what is taken obeys the rules, binds, and prints back.
#include <nlohmann/json.hpp>

#include "api/ip_rules/ip_rules_wire.h"
#include "api/ip_rules/rule_set.h"
#include "api/json/text_rules.h"
#include "tests/fuzz/require.h"

using namespace claviger;
using namespace claviger::api;
using fuzz::Require;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto request = DecodeCreateIpRule(fuzz::Text(data, size));
  if (!request) return 0;
  const auto& [rule_type, cidr, label, applies_to] = request.value();
  Require(label.size() <= kMaxDescriptionBytes && IsUtf8(label), "labels are bounded");
  const auto network = ParseNetwork(cidr);
  Require(network.has_value(), "networks are networks");
  RuleSet rules;
  Require(rules.Add(rule_type, cidr, applies_to).has_value(), "what is taken can be asked");
  rules.Finish();
  const bool first = rules.Admits(PrincipalType::kUser, network->first);
  Require(first == (rule_type == "allow" || applies_to == "agents"), "rules bind those they apply to");
  const auto again = DecodeCreateIpRule(DumpJson(EncodeCreateIpRule(request.value())));
  Require(again && EncodeCreateIpRule(again.value()) == EncodeCreateIpRule(request.value()),
          "requests print back");
  return 0;
}
