#include "api/limits/tier.h"

#include <fmt/format.h>

#include "api/http/problem.h"
#include "api/limits/tier_store.h"

namespace claviger::api {
namespace {

using tier_store::Counted;

// By Resource. Shipped clients look for "Vault limit" and the like.
struct Kind {
  const char* name;
  Counted counted;
};
constexpr Kind kKinds[] = {{"Vault", tier_store::CountVaults},
                           {"Secret", tier_store::CountSecrets},
                           {"Agent", tier_store::CountAgents}};

const Kind& KindOf(Tier::Resource resource) { return kKinds[static_cast<size_t>(resource)]; }

}  // namespace

uint32_t Tier::CapOf(Resource resource) const {
  switch (resource) {
    case Resource::kVaults:
      return config_.vaults;
    case Resource::kSecrets:
      return config_.secrets;
    case Resource::kAgents:
      break;
  }
  return config_.agents;
}

Error Tier::Refuse(Resource resource, AuditDraft& audit) const {
  audit.AddDetail("reason", "tier");
  const uint32_t cap = CapOf(resource);
  return http::ResourceLimit(
      fmt::format("{} limit reached ({}/{} on {} tier)", KindOf(resource).name, cap, cap, config_.name));
}

Status Tier::Check(schema::Connection& connection, Resource resource, const OrgId& org,
                   AuditDraft& audit) const {
  if (!Caps(resource)) return Ok();
  TRYV(tier_store::LockOrg(connection, org));
  TRY(const int64_t now, KindOf(resource).counted(connection, org));
  if (now > CapOf(resource)) return Refuse(resource, audit);
  return Ok();
}

Status Tier::RunTogether(schema::Connection& connection, Resource resource, const OrgId& org,
                         const std::vector<schema::Connection::Call>& calls, AuditDraft& audit) const {
  if (!Caps(resource)) {
    TRYV(connection.RunTogether(calls));
    return Ok();
  }
  TRY(auto transaction, connection.Begin());
  TRYV(tier_store::LockOrg(connection, org));
  TRY(const int64_t before, KindOf(resource).counted(connection, org));
  for (const auto& call : calls) {
    TRYV(connection.Run(call));
  }
  TRY(const int64_t after, KindOf(resource).counted(connection, org));
  if (after > before && after > CapOf(resource)) return Refuse(resource, audit);
  return transaction.Commit();
}

}  // namespace claviger::api
