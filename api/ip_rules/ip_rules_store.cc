#include "api/ip_rules/ip_rules_store.h"

namespace claviger::api::ip_rules_store {
namespace {

using schema::Rows;
using schema::Statement;

// The organisation's row stands for its rules, of which there may be none yet. References to it are not held
// up.
constexpr Statement kLock{"ip_rules_lock", "SELECT 1 FROM orgs WHERE id = $1 FOR NO KEY UPDATE"};

// Ids are UUIDv7: their order is the order of creation.
constexpr Statement kList{"ip_rules_list",
                          "SELECT org_id, id, rule_type, cidr, label, applies_to, created_by, created_at "
                          "FROM ip_rules WHERE org_id = $1 AND ($2::uuid IS NULL OR id > $2) "
                          "ORDER BY id LIMIT $3",
                          true};

constexpr Statement kLoad{"ip_rules_load",
                          "SELECT rule_type, cidr, applies_to FROM ip_rules WHERE org_id = $1", true};

constexpr Statement kCount{"ip_rules_count", "SELECT count(*) FROM ip_rules WHERE org_id = $1", true};

constexpr Statement kInsert{"ip_rules_insert",
                            "INSERT INTO ip_rules (org_id, id, rule_type, cidr, label, applies_to, "
                            "created_by, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"};

constexpr Statement kDelete{"ip_rules_delete", "DELETE FROM ip_rules WHERE org_id = $1 AND id = $2"};

IpRule ReadRule(const Rows& rows, int row) {
  IpRule rule;
  rule.org = rows.IdAt<OrgId>(row, 0);
  rule.id = rows.IdAt<IpRuleId>(row, 1);
  rule.rule_type = rows.Text(row, 2);
  rule.cidr = rows.Text(row, 3);
  rule.label = rows.Text(row, 4);
  rule.applies_to = rows.Text(row, 5);
  rule.created_by = rows.UuidAt(row, 6);
  rule.created_at = rows.Timestamp(row, 7);
  return rule;
}

}  // namespace

Result<bool> Lock(schema::Connection& connection, const OrgId& org) {
  TRY(const auto rows, connection.Run(kLock, {org}));
  return !rows.empty();
}

Result<std::vector<IpRule>> List(schema::Connection& connection, const OrgId& org,
                                 const std::optional<IpRuleId>& after, int64_t limit) {
  TRY(const auto rows, connection.Run(kList, {org, after, limit}));
  std::vector<IpRule> rules;
  rules.reserve(rows.size());
  for (int row = 0; row < rows.size(); ++row) rules.push_back(ReadRule(rows, row));
  return rules;
}

Result<RuleSet> LoadRuleSet(schema::Connection& connection, const OrgId& org) {
  TRY(const auto rows, connection.Run(kLoad, {org}));
  RuleSet rules;
  for (int row = 0; row < rows.size(); ++row) {
    TRYV(rules.Add(rows.Text(row, 0), rows.Text(row, 1), rows.Text(row, 2)));
  }
  rules.Finish();
  return rules;
}

Result<int64_t> Count(schema::Connection& connection, const OrgId& org) {
  TRY(const auto rows, connection.Run(kCount, {org}));
  return rows.Int8(0, 0);
}

Status Insert(schema::Connection& connection, const IpRule& rule) {
  TRYV(connection.Run(kInsert, {rule.org, rule.id, rule.rule_type, rule.cidr, rule.label, rule.applies_to,
                                rule.created_by, rule.created_at}));
  return Ok();
}

Result<bool> Delete(schema::Connection& connection, const OrgId& org, const IpRuleId& id) {
  TRY(const auto rows, connection.Run(kDelete, {org, id}));
  return rows.affected() > 0;
}

}  // namespace claviger::api::ip_rules_store
