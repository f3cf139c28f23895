#include <doctest/doctest.h>

#include <random>

#include "api/ip_rules/rule_set.h"

using namespace claviger;
using namespace claviger::api;

namespace {

struct Rule {
  std::string type;
  std::string cidr;
  std::string applies_to = "all";
};

RuleSet Build(const std::vector<Rule>& rules) {
  RuleSet set;
  for (const Rule& rule : rules) REQUIRE(set.Add(rule.type, rule.cidr, rule.applies_to));
  set.Finish();
  return set;
}

bool Person(const RuleSet& set, std::string_view address) {
  return set.Admits(PrincipalType::kUser, ParseIpAddress(address));
}
bool Agent(const RuleSet& set, std::string_view address) {
  return set.Admits(PrincipalType::kAgent, ParseIpAddress(address));
}

// The definition: rule by rule.
bool Naive(const std::vector<Rule>& rules, PrincipalType type, const IpAddress& address) {
  bool any_allow = false, allowed = false;
  for (const Rule& rule : rules) {
    if (rule.applies_to == (type == PrincipalType::kUser ? "agents" : "users")) continue;
    const bool matches = ParseNetwork(rule.cidr)->Contains(address);
    if (rule.type != "allow" && matches) return false;
    any_allow |= rule.type == "allow";
    allowed |= rule.type == "allow" && matches;
  }
  return !any_allow || allowed;
}

}  // namespace

TEST_CASE("without a rule everybody passes") {
  const RuleSet none = Build({});
  CHECK(none.empty());
  CHECK(Person(none, "192.0.2.7"));
  CHECK(none.Admits(PrincipalType::kUser, std::nullopt));
}

TEST_CASE("deny refuses what it matches, allow everything it does not match, and deny wins") {
  CHECK_FALSE(Person(Build({{"deny", "192.0.2.0/24"}}), "192.0.2.7"));
  CHECK(Person(Build({{"deny", "192.0.2.0/24"}}), "192.0.3.7"));
  CHECK_FALSE(Person(Build({{"block", "192.0.2.7"}}), "192.0.2.7"));
  CHECK(Person(Build({{"allow", "192.0.2.0/24"}}), "192.0.2.7"));
  CHECK_FALSE(Person(Build({{"allow", "192.0.2.0/24"}}), "192.0.3.7"));
  const RuleSet both =
      Build({{"allow", "192.0.2.0/24"}, {"allow", "198.51.100.7"}, {"deny", "192.0.2.7/32"}});
  CHECK(Person(both, "192.0.2.8"));
  CHECK(Person(both, "198.51.100.7"));
  CHECK_FALSE(Person(both, "192.0.2.7"));
  CHECK_FALSE(Person(Build({{"allow", "192.0.2.7"}, {"deny", "0.0.0.0/0"}}), "192.0.2.7"));
}

TEST_CASE("/0 is one family, and mapped rules bind IPv4") {
  CHECK_FALSE(Person(Build({{"deny", "0.0.0.0/0"}}), "255.255.255.255"));
  CHECK(Person(Build({{"deny", "0.0.0.0/0"}}), "2001:db8::1"));
  CHECK_FALSE(Person(Build({{"allow", "::/0"}}), "192.0.2.7"));
  CHECK(Person(Build({{"allow", "::/0"}}), "2001:db8::1"));
  CHECK_FALSE(Person(Build({{"deny", "::ffff:192.0.2.0/120"}}), "192.0.2.7"));
  CHECK_FALSE(Person(Build({{"deny", "192.0.2.7/32"}}), "::ffff:192.0.2.7"));
  CHECK_FALSE(Person(Build({{"deny", "2001:db8::7/128"}}), "2001:DB8:0::7"));
  CHECK(Person(Build({{"deny", "2001:db8::7/128"}}), "2001:db8::8"));
}

TEST_CASE("a rule binds those it applies to and nobody else") {
  const RuleSet users = Build({{"allow", "192.0.2.0/24", "users"}});
  CHECK_FALSE(Person(users, "198.51.100.7"));
  CHECK(Agent(users, "198.51.100.7"));
  const RuleSet agents = Build({{"deny", "192.0.2.0/24", "agents"}});
  CHECK(Person(agents, "192.0.2.7"));
  CHECK_FALSE(Agent(agents, "192.0.2.7"));
  const RuleSet all = Build({{"deny", "192.0.2.0/24", "all"}});
  CHECK_FALSE(Person(all, "192.0.2.7"));
  CHECK_FALSE(Agent(all, "192.0.2.7"));
}

TEST_CASE("a client without an address passes only where no rule binds it") {
  for (const char* type : {"allow", "deny"}) {
    const RuleSet rules = Build({{type, "192.0.2.0/24", "users"}});
    CHECK_FALSE(rules.Admits(PrincipalType::kUser, std::nullopt));
    CHECK(rules.Admits(PrincipalType::kAgent, std::nullopt));
  }
}

TEST_CASE("what is no rule is never passed over") {
  for (const Rule& rule : {Rule{"", "192.0.2.0/24"},
                           {"ALLOW", "192.0.2.0/24"},
                           {"deny", "192.0.2.1/24"},
                           {"deny", ""},
                           {"deny", "192.0.2.0/24", ""},
                           {"deny", "192.0.2.0/24", "nobody"}}) {
    RuleSet set;
    const Status added = set.Add(rule.type, rule.cidr, rule.applies_to);
    REQUIRE(!added);
    CHECK(added.error().kind == ErrorKind::kIntegrity);
  }
}

TEST_CASE("many overlapping rules decide as each of them, one by one, would") {
  std::mt19937 dice(20260227);
  const auto pick = [&dice](const auto&... choices) {
    const std::vector<std::string> all{choices...};
    return all[dice() % all.size()];
  };
  // Few different bits, so that networks nest and meet.
  const auto v4 = [&](int prefix) {
    const uint32_t bits = prefix == 0 ? 0
                                      : (dice() % 2 << 31 | dice() % 2 << 24 | (dice() & 0x3)) >>
                                            (32 - prefix) << (32 - prefix);
    return std::to_string(bits >> 24) + ".0." + std::to_string(bits >> 8 & 0xFF) + "." +
           std::to_string(bits & 0xFF);
  };
  for (int round = 0; round < 300; ++round) {
    std::vector<Rule> rules;
    for (unsigned n = dice() % 40; n > 0; --n) {
      const int prefix = static_cast<int>(dice() % 33);
      std::string cidr = v4(prefix) + "/" + std::to_string(prefix);
      if (dice() % 4 == 0) cidr = "::ffff:" + v4(prefix) + "/" + std::to_string(prefix + 96);
      if (dice() % 4 == 0)
        cidr = pick("::/0", "::/1", "8000::/1", "2001:db8::/32", "2001:db8::/128", "2001:db8::1");
      rules.push_back({pick("allow", "deny", "block"), cidr, pick("all", "users", "agents")});
    }
    const RuleSet set = Build(rules);
    for (int i = 0; i < 100; ++i) {
      const std::string text =
          dice() % 4 == 0
              ? pick("::", "::1", "7fff::", "8000::", "2001:db8::", "2001:db8::1", "2001:db9::", "ffff::")
              : v4(32);
      const IpAddress address = *ParseIpAddress(text);
      for (const auto type : {PrincipalType::kUser, PrincipalType::kAgent}) {
        CAPTURE(text);
        CHECK(set.Admits(type, address) == Naive(rules, type, address));
      }
    }
  }
}
