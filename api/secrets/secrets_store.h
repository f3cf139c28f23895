#pragma once
// Every SQL statement on `secrets` and `secret_versions`. org_id is in each WHERE; a sealed value is handed
// out or taken in only against a Grant for its vault. Rotation needs none: it opens no value, and a data key
// moves only from one key of its vault to the newest.

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "api/access/authorize.h"
#include "api/secrets/secrets_wire.h"
#include "crypto/envelope.h"
#include "schema/pg/pg.h"

namespace claviger::api::secrets_store {

struct Place {
  OrgId org;
  VaultId vault;
  std::string_view path;
};

// What a read finds at a place: the vault and, if the path was ever written, its newest version.
class FoundSecret {
 public:
  FoundSecret(std::shared_ptr<const schema::Rows> rows, int row, const Place& place);

  VaultFacts vault() const;
  bool exists() const;
  // The rest only if it exists. The identity lacks its path: the reader sets the one that was asked for.
  crypto::SecretIdentity identity() const;
  bool deleted() const;
  // kIntegrity if the row of the newest version is missing.
  Result<SecretMetadata> About() const;
  // Only after About() succeeded.
  std::string created_by() const;
  bool cmek_encrypted() const;  // the value is the client's own blob
  bool limited() const;         // has a max_access_count
  bool used_up() const;

  struct Sealed {
    crypto::WrappedKek kek;
    crypto::SealedSecret secret;
  };
  // kIntegrity if the version or its KEK is missing.
  Result<Sealed> Unlock(const Grant& grant) const;

 private:
  std::shared_ptr<const schema::Rows> rows_;
  int row_;
  OrgId org_;
  VaultId vault_;
  std::string path_;
};
// One answer for each place, in their order, in one round trip: nullopt if the organisation has no such
// vault. A ciphertext of more than `max_ciphertext` bytes stays in the database, and Unlock fails for it.
Result<std::vector<std::optional<FoundSecret>>> FindForRead(schema::Connection& connection,
                                                            const std::vector<Place>& places,
                                                            int32_t max_ciphertext);

// One more read of a version with max_access_count; false if it is used up.
Result<bool> CountAccess(schema::Connection& connection, const Grant& grant,
                         const crypto::SecretIdentity& identity);

// What a write builds on.
struct WriteBase {
  VaultFacts vault;
  std::optional<crypto::WrappedKek> kek;  // the vault's newest; absent only if its row was tampered with
  std::optional<crypto::Digest> cmek;     // of the key under which clients seal what they write, if they do
  struct Previous {
    SecretId id;
    uint32_t version = 0;
    std::optional<std::string> type;  // absent if the secret is deleted
  };
  std::optional<Previous> previous;
};
// One answer for each place, in their order: nullopt if the organisation has no such vault.
Result<std::vector<std::optional<WriteBase>>> FindForWrite(schema::Connection& connection,
                                                           const std::vector<Place>& places);

struct NewVersion {
  crypto::SecretIdentity identity;
  std::string type;
  const PutSecretRequest& request;
  PrincipalType created_by_type = PrincipalType::kUser;
  Uuid created_by{};
  Time created_at{};
  crypto::SealedSecret sealed;
  std::optional<crypto::Digest> cmek{};  // of the key under which the client has sealed it
};
// The two calls that write version `identity.version` on top of the one before it. If anything else was
// written meanwhile, or the vault is gone, one of them gives kConflict and neither takes effect.
schema::Connection::Call Claim(const Grant& grant, const NewVersion& version, std::string_view path);
schema::Connection::Call InsertVersion(const Grant& grant, const NewVersion& version);

// Goes before the two for a version under a customer-managed key: kConflict if the vault has another by now,
// or none.
schema::Connection::Call KeepCmek(const Grant& grant, const crypto::Digest& fingerprint);

// Many next versions, none under a customer-managed key, each of another secret. Returns the secrets that
// were written: at the others another write came first.
struct Granted {
  const Grant& grant;
  const NewVersion& version;
};
Result<std::set<SecretId>> WriteNext(schema::Connection& connection, const std::vector<Granted>& versions);

// A version whose data key lies under an older key of its vault than `newest`.
struct Outdated {
  crypto::SecretIdentity identity;  // with the path that the row says: it must open under that
  crypto::WrappedKek kek;
  crypto::SealedDek dek;
};
// kIntegrity if one lacks its secret or its KEK.
Result<std::vector<Outdated>> FindOutdated(schema::Connection& connection, const OrgId& org,
                                           const VaultId& vault, uint32_t newest, int64_t limit);
Result<int64_t> CountOutdated(schema::Connection& connection, const OrgId& org, const VaultId& vault,
                              uint32_t newest);
struct Resealed {
  const Outdated& version;
  crypto::SealedDek dek;  // under the vault's newest key
};
// Takes in those that nobody has touched since they were found; returns how many. All of one vault, `newest`
// being the newest version of its key.
Result<int64_t> Reseal(schema::Connection& connection, const OrgId& org, const VaultId& vault,
                       uint32_t newest, const std::vector<Resealed>& versions);

// From which key of the customer to which, by their fingerprints.
struct CmekExchange {
  crypto::Digest from{};
  crypto::Digest to{};
};
// A version under a customer-managed key, for the rotation of that key.
struct UnderCmek {
  crypto::SecretIdentity identity;  // with the path that the row says: it must open under that
  bool is_readable = false;         // the newest version of a secret that is not deleted
  crypto::WrappedKek kek;
  crypto::SealedSecret sealed;
};
// Where a walk over them stands.
struct CmekPlace {
  SecretId secret;
  uint32_t version = 0;
};
// Those under that key, from behind `after` on: `limit` at most, and at most `max_bytes` of ciphertext, but
// one at least. kIntegrity if one lacks its secret or its KEK.
struct CmekPage {
  int64_t limit = 0;
  int64_t max_bytes = 0;
};
Result<std::vector<UnderCmek>> FindUnderCmek(schema::Connection& connection, const Grant& grant,
                                             const crypto::Digest& fingerprint, const CmekPlace& after,
                                             const CmekPage& page);
struct CmekCounts {
  int64_t under_old = 0;
  int64_t readable_under_old = 0;    // of these, what reads return
  int64_t readable_under_other = 0;  // what reads return that lies under neither
};
Result<CmekCounts> CountCmek(schema::Connection& connection, const Grant& grant, const CmekExchange& keys);
struct Exchanged {
  const UnderCmek& version;
  crypto::SealedSecret sealed;  // under the vault's newest KEK
};
// Takes in those that nobody has touched since they were found, as long as the old key is still the vault's;
// returns how many.
Result<int64_t> ExchangeCmek(schema::Connection& connection, const Grant& grant, const CmekExchange& keys,
                             uint32_t newest, const std::vector<Exchanged>& versions);

// The secret's id; nullopt if it does not exist or is deleted already.
Result<std::optional<SecretId>> SoftDelete(schema::Connection& connection, const Grant& grant,
                                           std::string_view path, Time now);

// Where it is, deleted or not; nullopt if the vault has no such secret.
Result<std::optional<std::string>> PathOf(schema::Connection& connection, const Grant& grant,
                                          const SecretId& id);

// Newest version of each path that begins with `prefix` and sorts after `after`, by path. Deleted ones are
// left out; expired and used-up ones are not. kIntegrity if the newest version of one is missing.
Result<std::vector<SecretMetadata>> List(schema::Connection& connection, const Grant& grant,
                                         std::string_view prefix, std::string_view after, int64_t limit);

}  // namespace claviger::api::secrets_store
