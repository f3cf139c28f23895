#pragma once
// Secrets: named by a path in a vault, written in versions, the newest of which is what reads return.
//
// The life of a version: Put draws a data key in the HSM, seals the value, and commits version and audit
// record together on top of the version before it. Get opens it again after Authorize has said yes; the
// answer leaves when its audit record is committed. A version with max_access_count is counted down in the
// transaction of that audit record, after the value could be opened: exactly so many reads succeed. Delete
// hides the path; writing it again continues the version numbers.
//
// In every verb the vault is looked up and the caller authorised (api/access/authorize.h: the creator, and
// who has a policy) before anything is said about the secret; only Put refuses a malformed path before, which
// tells nothing but the rule.

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "api/access/authorize.h"
#include "api/audit/audit_log.h"
#include "api/http/client_address.h"
#include "api/http/page.h"
#include "api/limits/tier.h"
#include "api/policies/policy_book.h"
#include "api/routes.h"
#include "api/secrets/secrets_store.h"
#include "api/secrets/secrets_wire.h"
#include "base/random.h"
#include "crypto/keyring.h"
#include "schema/pg/pg.h"

namespace claviger::api {

struct SecretsConfig {
  // Refuse what is not in the form of a blob (crypto/cmek.h) where clients are to seal values themselves.
  bool check_cmek_form = true;
  Tier tier = Tier();
};

class Secrets {
 public:
  Secrets(schema::Pool& pool, crypto::Keyring& keyring, PolicyBook& book, const AuditLog& audit,
          const Clock& clock, Random& random, SecretsConfig config = {});

  // Who asks, and from where.
  struct Caller {
    const Principal& principal;
    const http::ClientAddress& client;
  };
  struct Read {
    Caller caller;
    VaultId vault;
    std::string_view path;
    AuditDraft& audit;
  };
  struct Write {
    Caller caller;
    VaultId vault;
    std::string_view path;
    const PutSecretRequest& request;
    AuditDraft& audit;
  };

  // kForbidden, here and in Get, also while the customer does not let the key of the vault be used
  // (crypto/customer_tokens.h). kInvalid for a path that breaks the rule, or a value that is not sealed as
  // the vault wants it; kConflict if others keep writing the same path.
  Result<SecretMetadata> Put(const Write& write);
  // Many at once, in one transaction. An answer is empty where nothing was written for want of what Put can
  // do: make a new path, go on after another write of the same path, seal a long value, load policies, hold
  // a customer-managed key, tell what is wrong.
  std::vector<std::optional<Result<SecretMetadata>>> PutTogether(const std::vector<Write>& writes);

  // kNotFound if never written, kGone if deleted, expired or used up, kIntegrity if what is stored was not
  // sealed for exactly this place.
  Result<Secret> Get(const Read& read);
  // Many at once: one SELECT, one visit to the HSM. An answer is empty where Get would fail, or do more than
  // open a short value, or where policies decide that are not in memory; what was noted for its audit is
  // void.
  std::vector<std::optional<Secret>> GetTogether(const std::vector<Read>& reads);

  // Whether Get would answer now, without opening or counting anything. Its errors are Get's.
  Status CheckRead(const Read& read);

  // Runs in the transaction of a read, before its count and its record; a failure undoes all three.
  using Within = std::function<Status(schema::Connection&)>;
  // A read by one principal, whose rights decide, for another, who gets the value. kGone for whatever the
  // former may not read, or not any more; kForbidden for what the latter may not be given.
  struct SharedRead {
    const Read& read;
    const Principal& reader;  // without rights of its own here; the empty one is nobody in particular
    Within within;
  };
  Result<Secret> GetShared(const SharedRead& shared);

  // Hides all versions. kNotFound if there is nothing to hide.
  Status Delete(const Caller& caller, const VaultId& vault, std::string_view path, AuditDraft& audit);

  struct ListQuery {
    std::string prefix;  // plain text, need not end at a segment
    std::string after;   // path of the last item of the page before
    // Or, of where that page ended, the id: a path that the caller may not read must not be told.
    std::optional<SecretId> after_id;
    int64_t limit = http::kMaxPageItems;
  };
  struct Listing {
    std::vector<SecretMetadata> items;
    std::optional<SecretId> next;  // `after_id` of the page that follows; nullopt: the list is complete
  };
  // By path; of the secrets that the caller may not read nothing is told. A page may have fewer items than
  // there are, if many in a row may not be read. Without any policy here a person of the organisation gets an
  // empty list, an agent kForbidden.
  Result<Listing> List(const Caller& caller, const VaultId& vault, const ListQuery& query, AuditDraft& audit);

 private:
  struct Planned;
  Result<SecretMetadata> PutOnce(const Write& write);
  Result<Planned> Plan(const Write& write, const secrets_store::WriteBase& base,
                       const PolicySet* policies) const;
  Result<std::vector<std::optional<secrets_store::WriteBase>>> FindBases(
      const std::vector<secrets_store::Place>& places);
  // Leaves those that can be written together, sealed.
  std::vector<Planned> PlanTogether(const std::vector<Write>& writes);
  Result<std::set<SecretId>> CommitTogether(schema::Connection& connection,
                                            const std::vector<Planned>& plans);
  struct Readable;
  Result<Readable> Admit(const Read& read, const secrets_store::FoundSecret& found,
                         const PolicySet* policies) const;
  Result<std::vector<std::optional<secrets_store::FoundSecret>>> Find(
      const std::vector<secrets_store::Place>& places, int32_t max_ciphertext);
  Asker AskerOf(const Caller& caller) const { return {caller.principal, {caller.client.ip, clock_.Now()}}; }
  Result<VaultFacts> FindVault(const Principal& principal, const VaultId& vault);
  Result<Listing> Collect(const Asker& asker, const VaultFacts& vault, const Grant& grant,
                          const PolicySet* policies, const ListQuery& query);
  Result<Readable> FindReadable(const Read& read);
  Result<Secret> Open(const Read& read, Readable readable, const Within& within);
  // What a read changes, together with its record.
  Status Commit(const Read& read, const Readable& readable, const Within& within);

  schema::Pool& pool_;
  crypto::Keyring& keyring_;
  PolicyBook& book_;
  const AuditLog& audit_;
  const Clock& clock_;
  Random& random_;
  const SecretsConfig config_;
};

// putSecret, getSecret, deleteSecret, listSecrets, rotateSecret. `secrets` must outlive the table.
std::vector<Route> SecretRoutes(Secrets& secrets, const Clock& clock);

}  // namespace claviger::api
