#pragma once
// Secrets: named by a path in a vault, written in versions, the newest of which is what reads return.
//
// The life of a version: Put draws a data key in the HSM, seals the value, and commits version and audit
// record together on top of the version before it. Get opens it again after Authorize has said yes; the
// answer leaves when its audit record is committed. A version with max_access_count is counted down in the
// transaction of that audit record, after the value could be opened: exactly so many reads succeed. Delete
// hides the path; writing it again continues the version numbers.
//
// In every verb the vault is looked up and the caller authorised before anything is said about the secret;
// only Put refuses a malformed path before, which tells nothing but the rule.

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "api/access/authorize.h"
#include "api/audit/audit_log.h"
#include "api/http/page.h"
#include "api/routes.h"
#include "api/secrets/secrets_store.h"
#include "api/secrets/secrets_wire.h"
#include "base/random.h"
#include "crypto/keyring.h"
#include "schema/pg/pg.h"

namespace claviger::api {

class Secrets {
 public:
  Secrets(schema::Pool& pool, crypto::Keyring& keyring, const AuditLog& audit, const Clock& clock,
          Random& random);

  struct Read {
    const Principal& principal;
    VaultId vault;
    std::string_view path;
    AuditDraft& audit;
  };
  struct Write {
    const Principal& principal;
    VaultId vault;
    std::string_view path;
    const PutSecretRequest& request;
    AuditDraft& audit;
  };

  // kInvalid for a path that breaks the rule, kConflict if others keep writing the same path.
  Result<SecretMetadata> Put(const Write& write);
  // Many at once, in one transaction. An answer is empty where nothing was written for want of what Put can
  // do: make a new path, go on after another write of the same path, seal a long value, tell what is wrong.
  std::vector<std::optional<Result<SecretMetadata>>> PutTogether(const std::vector<Write>& writes);

  // kNotFound if never written, kGone if deleted, expired or used up, kIntegrity if what is stored was not
  // sealed for exactly this place.
  Result<Secret> Get(const Read& read);
  // Many at once: one SELECT, one visit to the HSM. An answer is empty where Get would fail, or do more than
  // open a short value; what was noted for its audit is void.
  std::vector<std::optional<Secret>> GetTogether(const std::vector<Read>& reads);

  // Hides all versions. kNotFound if there is nothing to hide.
  Status Delete(const Principal& principal, const VaultId& vault, std::string_view path, AuditDraft& audit);

  struct ListQuery {
    std::string prefix;  // plain text, need not end at a segment
    std::string after;   // path of the last item of the page before
    int64_t limit = http::kMaxPageItems;
  };
  // By path. A person of the organisation who may list nothing here gets an empty list, an agent kForbidden.
  Result<http::Page<SecretMetadata>> List(const Principal& principal, const VaultId& vault,
                                          const ListQuery& query);

 private:
  struct Planned;
  Result<SecretMetadata> PutOnce(const Write& write);
  Result<Planned> Plan(const Write& write, const std::optional<secrets_store::WriteBase>& base) const;
  Result<std::vector<std::optional<secrets_store::WriteBase>>> FindBases(
      const std::vector<secrets_store::Place>& places);
  // Leaves those that can be written together, sealed.
  std::vector<Planned> PlanTogether(const std::vector<Write>& writes);
  Result<std::set<SecretId>> CommitTogether(schema::Connection& connection,
                                            const std::vector<Planned>& plans);
  struct Readable;
  Result<Readable> Admit(const Read& read, const std::optional<secrets_store::FoundSecret>& found) const;
  Result<std::vector<std::optional<secrets_store::FoundSecret>>> Find(
      const std::vector<secrets_store::Place>& places, int32_t max_ciphertext);
  Status SpendAccess(const Grant& grant, const crypto::SecretIdentity& identity, AuditDraft& audit);

  schema::Pool& pool_;
  crypto::Keyring& keyring_;
  const AuditLog& audit_;
  const Clock& clock_;
  Random& random_;
};

// putSecret, getSecret, deleteSecret, listSecrets, rotateSecret. `secrets` must outlive the table.
std::vector<Route> SecretRoutes(Secrets& secrets, const Clock& clock);

}  // namespace claviger::api
