#include "api/ip_rules/ip_rules.h"

#include "api/ip_rules/ip_rules_store.h"

namespace claviger::api {
namespace {

constexpr size_t kFixedTextBytes = 400;  // of an encoded rule, besides its label

Status CheckManager(const Principal& principal) {
  if (principal.Manages()) return Ok();
  return Forbidden("Insufficient permissions");
}

// Who is shut out already may still undo what shut them out, one rule after the other.
Status CheckLockOut(const Principal& principal, const http::ClientAddress& client, const RuleSet& before,
                    const RuleSet& after) {
  if (!before.Admits(principal.type, client.ip) || after.Admits(principal.type, client.ip)) return Ok();
  return Invalid("This would exclude the address you are calling from");
}

Error OrganisationGone() { return Unauthenticated("organisation deleted"); }
Error IpRuleNotFound() { return NotFound("IP rule not found"); }

}  // namespace

Result<http::Page<IpRule>> IpRules::List(const Principal& principal, const std::optional<IpRuleId>& after,
                                         int64_t limit) {
  TRY(auto lease, pool_.Acquire());
  return http::CollectPage<IpRule>(
      limit,
      [&](const IpRule* last, int64_t count) {
        return ip_rules_store::List(*lease, principal.org, last ? last->id : after, count);
      },
      [](const IpRule& rule) { return kFixedTextBytes + rule.label.size(); });
}

Result<IpRule> IpRules::Create(const Principal& principal, const http::ClientAddress& client,
                               CreateIpRuleRequest request, AuditDraft& audit) {
  TRYV(CheckManager(principal));
  IpRule rule;
  rule.id = IpRuleId{NewUuidV7(clock_, random_)};
  rule.org = principal.org;
  rule.rule_type = std::move(request.rule_type);
  rule.cidr = std::move(request.cidr);
  rule.label = std::move(request.label);
  rule.applies_to = std::move(request.applies_to);
  rule.created_by = principal.id;
  rule.created_at = clock_.Now();
  audit.SetResource("ip_rule", rule.id.ToString());
  audit.AddDetail("rule_type", rule.rule_type);
  audit.AddDetail("cidr", rule.cidr);
  audit.AddDetail("applies_to", rule.applies_to);

  TRY(auto lease, pool_.Acquire());
  TRY(auto transaction, lease->Begin());
  TRY(const bool locked, ip_rules_store::Lock(*lease, rule.org));
  if (!locked) return OrganisationGone();
  TRY(const int64_t count, ip_rules_store::Count(*lease, rule.org));
  if (count >= kMaxIpRules) return Conflict("The organisation has 10000 IP rules, the most there can be");
  TRY(const auto before, ip_rules_store::LoadRuleSet(*lease, rule.org));
  TRYV(ip_rules_store::Insert(*lease, rule));
  TRY(const auto after, ip_rules_store::LoadRuleSet(*lease, rule.org));
  TRYV(CheckLockOut(principal, client, before, after));
  TRYV(Commit(*lease, transaction, rule.org, audit));
  return rule;
}

Status IpRules::Delete(const Principal& principal, const http::ClientAddress& client, const IpRuleId& id,
                       AuditDraft& audit) {
  TRYV(CheckManager(principal));
  TRY(auto lease, pool_.Acquire());
  TRY(auto transaction, lease->Begin());
  TRY(const bool locked, ip_rules_store::Lock(*lease, principal.org));
  if (!locked) return OrganisationGone();
  TRY(const auto before, ip_rules_store::LoadRuleSet(*lease, principal.org));
  TRY(const bool deleted, ip_rules_store::Delete(*lease, principal.org, id));
  if (!deleted) return IpRuleNotFound();
  TRY(const auto after, ip_rules_store::LoadRuleSet(*lease, principal.org));
  TRYV(CheckLockOut(principal, client, before, after));
  return Commit(*lease, transaction, principal.org, audit);
}

Status IpRules::Commit(schema::Connection& connection, schema::Connection::Transaction& transaction,
                       const OrgId& org, AuditDraft& audit) {
  TRYV(connection.Run(ChangeCall("org", org.uuid)));
  TRYV(audit_.Insert(connection, audit_.Finish(audit, "success")));
  TRYV(transaction.Commit());
  gate_.ForgetOrg(org);
  audit.MarkCommitted();
  return Ok();
}

}  // namespace claviger::api
