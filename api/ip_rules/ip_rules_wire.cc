#include "api/ip_rules/ip_rules_wire.h"

#include <algorithm>
#include <initializer_list>
#include <nlohmann/json.hpp>

#include "api/json/text_rules.h"
#include "base/network.h"

namespace claviger::api {
namespace {

constexpr size_t kMaxWordBytes = 16;

bool IsOneOf(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace

Result<CreateIpRuleRequest> DecodeCreateIpRule(std::string_view body) {
  TRY(const auto json, ParseJsonObject(body));
  ObjectReader reader(json);
  CreateIpRuleRequest request;
  request.rule_type = reader.String("rule_type", 1, kMaxWordBytes);
  request.cidr = reader.String("cidr", 1, kMaxNetworkChars);
  std::optional<std::string> label, applies_to;
  ReadOptionalDescription(reader, reader.Has("label") ? "label" : "description", label);
  reader.OptionalString("applies_to", 1, kMaxWordBytes, applies_to);
  request.label = label.value_or(request.label);
  request.applies_to = applies_to.value_or(request.applies_to);

  if (!IsOneOf(request.rule_type, {"allow", "deny", "block"})) {
    reader.Refuse("rule_type", "must be 'allow', 'deny' or 'block'");
  }
  if (!ParseNetwork(request.cidr)) {
    reader.Refuse("cidr", "must be an IPv4 or IPv6 address, or a network without bits beyond its prefix");
  }
  if (!IsOneOf(request.applies_to, {"all", "users", "agents"})) {
    reader.Refuse("applies_to", "must be 'all', 'users' or 'agents'");
  }
  TRYV(reader.Finish());
  return request;
}

Json EncodeCreateIpRule(const CreateIpRuleRequest& request) {
  return {{"rule_type", request.rule_type},
          {"cidr", request.cidr},
          {"label", request.label},
          {"applies_to", request.applies_to}};
}

Json EncodeIpRule(const IpRule& rule) {
  return {{"id", rule.id.ToString()},
          {"org_id", rule.org.ToString()},
          {"rule_type", rule.rule_type},
          {"cidr", rule.cidr},
          {"label", rule.label},
          {"applies_to", rule.applies_to},
          {"created_by", FormatUuid(rule.created_by)},
          {"created_at", FormatTime(rule.created_at)}};
}

Json EncodeIpRuleList(const std::vector<IpRule>& rules) {
  Json list = Json::array();
  for (const IpRule& rule : rules) list.push_back(EncodeIpRule(rule));
  return {{"rules", std::move(list)}};
}

}  // namespace claviger::api
