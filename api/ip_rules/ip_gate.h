#pragma once
// The step of the pipeline that asks an organisation's IP rules, on every authenticated request. Rules are
// cached by organisation, most of which have none. The cache may be believed only while the change feed is
// fresh; with a stale feed every request asks the database, and without a database nobody passes (503).

#include <memory>
#include <optional>

#include "api/access/change_feed.h"
#include "api/access/fresh_cache.h"
#include "api/access/principal.h"
#include "api/http/client_address.h"
#include "api/ip_rules/rule_set.h"
#include "base/clock.h"
#include "base/error.h"
#include "schema/pg/pg.h"

namespace claviger::api {

class IpGate : public ChangeListener {
 public:
  IpGate(schema::Pool& pool, const Clock& clock);

  // Whether the rules of the principal's organisation let the client pass; kUnavailable if it cannot be
  // known. Blocks on the database when the cache does not know: worker threads only.
  // Virtual for the twin in tests.
  virtual Result<bool> Admits(const Principal& principal, const http::ClientAddress& client);
  // The same from the cache alone, without blocking; nullopt if it takes more to know.
  virtual std::optional<bool> Recall(const Principal& principal, const http::ClientAddress& client);

  // Called by the node that changes an organisation's rules after its commit and before it answers.
  void ForgetOrg(const OrgId& org);

  void Forget(std::string_view kind, const Uuid& id) override;
  void ForgetAll() override;
  void TrustUntil(SteadyTime until) override;

 private:
  using Rules = std::shared_ptr<const RuleSet>;  // null: the organisation has none
  Result<Rules> Load(const OrgId& org);

  schema::Pool& pool_;
  FreshCache<OrgId, RuleSet> cache_;
};

}  // namespace claviger::api
