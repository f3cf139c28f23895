#pragma once
// The policies of vaults, compiled and kept in memory, for whoever decides (api/access/authorize.h). Kept by
// vault, most of which have none. The memory may be believed only while the change feed is fresh; with a
// stale feed every question goes to the database, and without a database there is no answer (503).

#include <memory>
#include <optional>

#include "api/access/authorize.h"
#include "api/access/change_feed.h"
#include "api/access/fresh_cache.h"
#include "api/access/policy_set.h"
#include "schema/pg/pg.h"

namespace claviger::api {

class PolicyBook : public ChangeListener {
 public:
  PolicyBook(schema::Pool& pool, const Clock& clock);

  using Entry = std::shared_ptr<const PolicySet>;  // the policies of one vault; null: it has none
  // Those that may matter to the principal in the vault; for its creator, who needs none, nothing is looked
  // up. kUnavailable if they cannot be known. Blocks on the database when the memory does not know: worker
  // threads only, and without a connection in hand.
  Result<Entry> For(const Principal& principal, const VaultFacts& vault);
  // The same from memory alone, without blocking; nullopt if it takes more to know.
  std::optional<Entry> Recall(const Principal& principal, const VaultFacts& vault);

  // Called by the node that changes a vault's policies after its commit and before it answers.
  void ForgetVault(const VaultId& vault);

  void Forget(std::string_view kind, const Uuid& id) override;
  void ForgetAll() override;
  void TrustUntil(SteadyTime until) override;

 private:
  Result<Entry> Load(const VaultFacts& vault);

  schema::Pool& pool_;
  FreshCache<VaultId, PolicySet> cache_;
};

}  // namespace claviger::api
