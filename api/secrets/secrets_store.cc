#include "api/secrets/secrets_store.h"

#include "api/customer_keys/customer_keys_store.h"

namespace claviger::api::secrets_store {
namespace {

using schema::Connection;
using schema::Rows;
using schema::Statement;

// PostgreSQL's planner takes (org, vault) for one row while the tables are young or most vaults small, and
// then rather walks a whole vault than use the full key it was given. Hence the forms below: a subquery with
// LIMIT is planned by itself with every column it is given, and an order leaves only the index that has it.
// The planner may not see how many places there are: it would find a plan for few of them worth making anew
// each time, which takes longer than to look them up.
#define PLACES                                                                             \
  "unnest((SELECT $1::uuid[]), (SELECT $2::uuid[]), (SELECT $3::text[])) WITH ORDINALITY " \
  "AS q (org_id, vault_id, path, place) "
#define VAULT(org, vault)                                                            \
  "(SELECT * FROM vaults WHERE org_id = " org " AND id BETWEEN " vault " AND " vault \
  " ORDER BY id LIMIT "                                                              \
  "1) v"
#define SECRET_AT(org, vault, path)                                                           \
  "(SELECT id, version, deleted_at FROM secrets WHERE org_id = " org " AND vault_id = " vault \
  " AND path BETWEEN " path " AND " path " ORDER BY path LIMIT 1) s"
#define NEWEST_VERSION(org)                            \
  "(SELECT * FROM secret_versions WHERE org_id = " org \
  " AND secret_id = s.id AND version = s.version LIMIT 1) r"
#define KEK(org, vault, version)                                                                       \
  "(SELECT k.version, k.root_version, k.blob, k.check_record, c.id AS customer_id, c.token, c.label, " \
  "c.check_record AS customer_check FROM vault_keks k LEFT JOIN vault_customer_keys c "                \
  "ON c.org_id = k.org_id AND c.vault_id = k.vault_id AND c.id = k.customer_key_id "                   \
  "WHERE k.org_id = " org " AND k.vault_id = " vault " AND k.version = " version " LIMIT 1) k"
#define KEK_COLUMNS \
  "k.root_version, k.blob, k.check_record, k.customer_id, k.token, k.label, k.customer_check"

// LEFT JOINs tell an absent vault (no row) from an absent secret (a row of NULLs) in one round trip.
constexpr Statement kFindForRead{
    "secrets_find_for_read",
    "SELECT q.place, v.created_by_type, v.created_by, s.id, s.version, s.deleted_at, "
    "r.type, r.metadata, r.created_at, r.expires_at, r.max_access_count, r.access_count, "
    "r.created_by_type, r.created_by, r.kek_version, r.sealed_dek, "
    "CASE WHEN octet_length(r.ciphertext) <= $4 THEN r.ciphertext END, "
    "r.first_kek_version, r.cmek_fingerprint IS NOT NULL, " KEK_COLUMNS " "
    "FROM " PLACES "CROSS JOIN LATERAL " VAULT("q.org_id", "q.vault_id") " "
    "LEFT JOIN LATERAL " SECRET_AT("q.org_id", "q.vault_id", "q.path") " ON true "
    "LEFT JOIN LATERAL " NEWEST_VERSION("q.org_id") " ON true "
    "LEFT JOIN LATERAL " KEK("q.org_id", "q.vault_id", "r.kek_version") " ON true",
    true};
enum ReadColumn {
  kPlace,  // counted from 1
  kVaultByType,
  kVaultBy,
  kId,
  kVersion,
  kDeletedAt,
  kType,
  kMetadata,
  kCreatedAt,
  kExpiresAt,
  kMaxAccessCount,
  kAccessCount,
  kByType,
  kBy,
  kKekVersion,
  kSealedDek,
  kCiphertext,
  kFirstKekVersion,
  kCmekEncrypted,
  kKek  // and what follows
};

constexpr Statement kCountAccess{"secrets_count_access",
                                 "UPDATE secret_versions SET access_count = access_count + 1 "
                                 "WHERE org_id = $1 AND secret_id = $2 AND version = $3 "
                                 "AND access_count < max_access_count"};

constexpr Statement kFindForWrite{
    "secrets_find_for_write",
    "SELECT q.place, v.created_by_type, v.created_by, s.id, s.version, "
    "CASE WHEN s.deleted_at IS NULL THEN r.type END, v.cmek_fingerprint, k.version, " KEK_COLUMNS " "
    "FROM " PLACES "CROSS JOIN LATERAL " VAULT("q.org_id", "q.vault_id") " "
    "LEFT JOIN LATERAL " SECRET_AT("q.org_id", "q.vault_id", "q.path") " ON true "
    "LEFT JOIN LATERAL " NEWEST_VERSION("q.org_id") " ON true "
    "LEFT JOIN LATERAL " KEK("q.org_id", "q.vault_id", "v.kek_version") " ON true",
    true};
enum WriteColumn {
  kBasePlace,
  kBaseVaultByType,
  kBaseVaultBy,
  kBaseId,
  kBaseVersion,
  kBaseType,
  kBaseCmek,
  kBaseKekVersion,
  kBaseKek
};

// A second first write of the path breaks the unique key.
constexpr Statement kClaimFirst{"secrets_claim_first",
                                "INSERT INTO secrets (org_id, vault_id, id, path, version, created_at) "
                                "VALUES ($1, $2, $3, $4, 1, $5)"};

// Touches nothing if another write came first; then the version it made stands in the way of kInsertVersion.
constexpr Statement kClaimNext{"secrets_claim_next",
                               "UPDATE secrets SET version = $3, deleted_at = NULL "
                               "WHERE org_id = $1 AND id = $2 AND version = $3 - 1"};

constexpr Statement kInsertVersion{
    "secret_versions_insert",
    "INSERT INTO secret_versions (org_id, vault_id, secret_id, version, type, metadata, expires_at, "
    "max_access_count, created_by_type, created_by, created_at, kek_version, sealed_dek, ciphertext, "
    "cmek_fingerprint) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)"};

constexpr Statement kKeepCmek{"secrets_keep_cmek", "SELECT keep_cmek_key($1, $2, $3)"};

// The claims and versions of many secrets. One whose place another write has taken, or is taking, is left
// out: nobody waits for a row here, so neither does a whole batch, and no two batches wait for each other. An
// expiry at infinity stands for none.
constexpr Statement kWriteNext{
    "secrets_write_next",
    "WITH n AS (SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::text[], "
    "$6::text[], "
    "$7::timestamptz[], $8::bigint[], $9::text[], $10::uuid[], $11::timestamptz[], $12::bigint[], "
    "$13::bytea[], "
    "$14::bytea[]) AS n (org_id, vault_id, secret_id, version, type, metadata, expires_at, max_access_count, "
    "created_by_type, created_by, created_at, kek_version, sealed_dek, ciphertext)), "
    "free AS (SELECT s.org_id, s.id FROM n JOIN secrets s ON s.org_id = n.org_id AND s.id = n.secret_id "
    "AND s.version = n.version - 1 FOR NO KEY UPDATE OF s SKIP LOCKED), "
    "claimed AS (UPDATE secrets s SET version = s.version + 1, deleted_at = NULL FROM free "
    "WHERE s.org_id = free.org_id AND s.id = free.id RETURNING s.org_id, s.id) "
    "INSERT INTO secret_versions (org_id, vault_id, secret_id, version, type, metadata, expires_at, "
    "max_access_count, created_by_type, created_by, created_at, kek_version, sealed_dek, ciphertext) "
    "SELECT n.org_id, n.vault_id, n.secret_id, n.version, n.type, n.metadata, "
    "NULLIF(n.expires_at, 'infinity'), n.max_access_count, n.created_by_type, n.created_by, n.created_at, "
    "n.kek_version, n.sealed_dek, n.ciphertext "
    "FROM claimed c JOIN n ON n.org_id = c.org_id AND n.secret_id = c.id RETURNING secret_id"};

constexpr Statement kFindOutdated{
    "secrets_find_outdated",
    "SELECT r.secret_id, r.version, r.kek_version, r.first_kek_version, r.sealed_dek, s.path, " KEK_COLUMNS
    " FROM (SELECT secret_id, version, kek_version, first_kek_version, sealed_dek FROM secret_versions "
    "WHERE org_id = $1 AND vault_id = $2 AND kek_version < $3 ORDER BY kek_version LIMIT $4) r "
    "LEFT JOIN LATERAL (SELECT path FROM secrets WHERE org_id = $1 AND id = r.secret_id LIMIT 1) s ON true "
    "LEFT JOIN LATERAL " KEK("$1", "$2", "r.kek_version") " ON true",
    true};
enum OutdatedColumn {
  kOldSecret,
  kOldVersion,
  kOldKekVersion,
  kOldFirstKekVersion,
  kOldDek,
  kOldPath,
  kOldKek
};

constexpr Statement kCountOutdated{
    "secrets_count_outdated",
    "SELECT count(*) FROM secret_versions WHERE org_id = $1 AND vault_id = $2 AND kek_version < $3", true};

constexpr Statement kReseal{"secrets_reseal", "SELECT reseal_versions($1, $2, $3, $4, $5, $6, $7)"};

// Sizes are known without looking at values, so the sum tells how much has been before more is fetched. The
// order by fingerprint leaves the planner only the index that has it.
constexpr Statement kFindUnderCmek{
    "secrets_find_under_cmek",
    "SELECT r.secret_id, r.version, s.path, s.version = r.version AND s.deleted_at IS NULL, r.kek_version, "
    "r.first_kek_version, r.sealed_dek, r.ciphertext, " KEK_COLUMNS " "
    "FROM (SELECT *, sum(octet_length(ciphertext)) OVER (ORDER BY secret_id, version) AS bytes, "
    "row_number() OVER (ORDER BY secret_id, version) AS place FROM "
    "(SELECT * FROM secret_versions WHERE org_id = $1 AND vault_id = $2 AND cmek_fingerprint BETWEEN $3 AND $3 "
    "AND (secret_id, version) > ($4, $5) ORDER BY cmek_fingerprint, secret_id, version LIMIT $6) p) r "
    "LEFT JOIN LATERAL (SELECT path, version, deleted_at FROM secrets WHERE org_id = $1 AND id = r.secret_id "
    "LIMIT 1) s ON true "
    "LEFT JOIN LATERAL " KEK("$1", "$2", "r.kek_version") " ON true "
    "WHERE r.bytes <= $7 OR r.place = 1 ORDER BY r.secret_id, r.version",
    true};
enum CmekColumn {
  kCmekSecret,
  kCmekVersion,
  kCmekPath,
  kCmekReadable,
  kCmekKekVersion,
  kCmekFirstKekVersion,
  kCmekDek,
  kCmekCiphertext,
  kCmekKek
};

constexpr Statement kCountCmek{
    "secrets_count_cmek",
    "SELECT (SELECT count(*) FROM secret_versions WHERE org_id = $1 AND vault_id = $2 "
    "AND cmek_fingerprint = $3), "
    "count(*) FILTER (WHERE r.cmek_fingerprint = $3), count(*) FILTER (WHERE r.cmek_fingerprint <> $3) "
    "FROM secret_versions r JOIN secrets s ON s.org_id = r.org_id AND s.id = r.secret_id "
    "AND s.version = r.version WHERE r.org_id = $1 AND r.vault_id = $2 AND r.cmek_fingerprint IS NOT NULL "
    "AND r.cmek_fingerprint <> $4 AND s.deleted_at IS NULL",
    true};

constexpr Statement kExchangeCmek{"secrets_exchange_cmek",
                                  "SELECT exchange_cmek_key($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"};

constexpr Statement kSoftDelete{
    "secrets_soft_delete",
    "UPDATE secrets SET deleted_at = $4 WHERE org_id = $1 "
    "AND id = (SELECT s.id FROM " SECRET_AT("$1", "$2", "$3") ") AND deleted_at IS NULL RETURNING id"};

constexpr Statement kPathOf{"secrets_path_of",
                            "SELECT path FROM secrets WHERE org_id = $1 AND vault_id = $2 "
                            "AND id BETWEEN $3 AND $3 ORDER BY id LIMIT 1",
                            true};

// The range makes the unique key on the path serve prefix, page and order alike.
constexpr Statement kList{
    "secrets_list",
    "SELECT s.id, s.path, r.type, s.version, r.metadata, r.created_at, r.expires_at "
    "FROM (SELECT id, path, version FROM secrets WHERE org_id = $1 AND vault_id = $2 AND path > $3 "
    "AND path >= $4 AND path < $5 AND deleted_at IS NULL ORDER BY path LIMIT $6) s "
    "LEFT JOIN LATERAL " NEWEST_VERSION("$1") " ON true ORDER BY s.path",
    true};

#undef KEK_COLUMNS
#undef KEK
#undef NEWEST_VERSION
#undef SECRET_AT
#undef VAULT
#undef PLACES

PrincipalType TypeAt(const Rows& rows, int row, int column) {
  return rows.Text(row, column) == crypto::Name(PrincipalType::kAgent) ? PrincipalType::kAgent
                                                                       : PrincipalType::kUser;
}

std::optional<Time> TimeAt(const Rows& rows, int row, int column) {
  if (rows.IsNull(row, column)) return std::nullopt;
  return rows.Timestamp(row, column);
}

uint32_t NumberAt(const Rows& rows, int row, int column) {
  return static_cast<uint32_t>(rows.Int4(row, column));
}

Bytes BytesAt(const Rows& rows, int row, int column) {
  const ByteView view = rows.Blob(row, column);
  return {view.begin(), view.end()};
}

// From its columns on; nullopt if they are NULL.
std::optional<crypto::WrappedKek> KekAt(const Rows& rows, int row, int first,
                                        const crypto::KekIdentity& identity) {
  if (rows.IsNull(row, first)) return std::nullopt;
  return crypto::WrappedKek{identity, NumberAt(rows, row, first), BytesAt(rows, row, first + 1),
                            BytesAt(rows, row, first + 2), customer_keys_store::KeyAt(rows, row, first + 3)};
}

struct PlaceArrays {
  explicit PlaceArrays(const std::vector<Place>& places) {
    std::vector<Uuid> org_ids;
    std::vector<Uuid> vault_ids;
    std::vector<std::string> texts;
    for (const Place& place : places) {
      org_ids.push_back(place.org.uuid);
      vault_ids.push_back(place.vault.uuid);
      texts.emplace_back(place.path);
    }
    orgs = schema::Param::UuidArray(org_ids);
    vaults = schema::Param::UuidArray(vault_ids);
    paths = schema::Param::TextArray(texts);
  }
  schema::Param orgs = std::nullopt;
  schema::Param vaults = std::nullopt;
  schema::Param paths = std::nullopt;
};

// Of the place among those asked for.
size_t IndexAt(const Rows& rows, int row, int column) {
  return static_cast<size_t>(rows.Int8(row, column) - 1);
}

// The least text above all texts with this prefix, in the byte order of paths.
std::string PrefixEnd(std::string_view prefix) {
  if (prefix.empty()) return "\x7F";  // above every character of a path
  std::string end(prefix);
  ++end.back();
  return end;
}

}  // namespace

FoundSecret::FoundSecret(std::shared_ptr<const Rows> rows, int row, const Place& place)
    : rows_(std::move(rows)), row_(row), org_(place.org), vault_(place.vault), path_(place.path) {}

VaultFacts FoundSecret::vault() const {
  return {org_, vault_, TypeAt(*rows_, row_, kVaultByType), rows_->UuidAt(row_, kVaultBy)};
}

bool FoundSecret::exists() const { return !rows_->IsNull(row_, kId); }
bool FoundSecret::deleted() const { return !rows_->IsNull(row_, kDeletedAt); }

crypto::SecretIdentity FoundSecret::identity() const {
  crypto::SecretIdentity identity{org_, vault_, rows_->IdAt<SecretId>(row_, kId),
                                  NumberAt(*rows_, row_, kVersion), 0};
  if (!rows_->IsNull(row_, kKekVersion)) identity.kek_version = NumberAt(*rows_, row_, kKekVersion);
  if (!rows_->IsNull(row_, kFirstKekVersion)) {
    identity.first_kek_version = NumberAt(*rows_, row_, kFirstKekVersion);
  }
  return identity;
}

Result<SecretMetadata> FoundSecret::About() const {
  if (rows_->IsNull(row_, kType)) return IntegrityFailure("newest version of a secret is missing");
  SecretMetadata about;
  about.id = rows_->IdAt<SecretId>(row_, kId);
  about.path = path_;
  about.type = rows_->Text(row_, kType);
  about.version = NumberAt(*rows_, row_, kVersion);
  about.metadata = rows_->Text(row_, kMetadata);
  about.created_at = rows_->Timestamp(row_, kCreatedAt);
  about.expires_at = TimeAt(*rows_, row_, kExpiresAt);
  return about;
}

std::string FoundSecret::created_by() const {
  return std::string(rows_->Text(row_, kByType)) + ":" + FormatUuid(rows_->UuidAt(row_, kBy));
}

bool FoundSecret::cmek_encrypted() const { return rows_->Bool(row_, kCmekEncrypted); }

bool FoundSecret::limited() const { return rows_->Int4(row_, kMaxAccessCount) > 0; }

bool FoundSecret::used_up() const {
  return limited() && rows_->Int4(row_, kAccessCount) >= rows_->Int4(row_, kMaxAccessCount);
}

Result<FoundSecret::Sealed> FoundSecret::Unlock(const Grant& grant) const {
  if (!(grant.org() == org_ && grant.vault() == vault_)) return Internal("grant is for another vault");
  if (rows_->IsNull(row_, kCiphertext)) return IntegrityFailure("newest version of a secret is missing");
  auto kek = KekAt(*rows_, row_, kKek, {org_, vault_, NumberAt(*rows_, row_, kKekVersion)});
  if (!kek) return IntegrityFailure("KEK of a secret version is missing");
  return Sealed{*std::move(kek), {{BytesAt(*rows_, row_, kSealedDek)}, BytesAt(*rows_, row_, kCiphertext)}};
}

Result<std::vector<std::optional<FoundSecret>>> FindForRead(Connection& connection,
                                                            const std::vector<Place>& places,
                                                            int32_t max_ciphertext) {
  const PlaceArrays q(places);
  TRY(auto result, connection.Run(kFindForRead, {q.orgs, q.vaults, q.paths, max_ciphertext}));
  const auto rows = std::make_shared<const Rows>(std::move(result));
  std::vector<std::optional<FoundSecret>> found(places.size());
  for (int row = 0; row < rows->size(); ++row) {
    const size_t index = IndexAt(*rows, row, kPlace);
    found.at(index).emplace(rows, row, places[index]);
  }
  return found;
}

Result<bool> CountAccess(Connection& connection, const Grant& grant, const crypto::SecretIdentity& identity) {
  TRY(const auto rows, connection.Run(kCountAccess, {grant.org(), identity.secret, identity.version}));
  return rows.affected() == 1;
}

Result<std::vector<std::optional<WriteBase>>> FindForWrite(Connection& connection,
                                                           const std::vector<Place>& places) {
  const PlaceArrays q(places);
  TRY(const auto rows, connection.Run(kFindForWrite, {q.orgs, q.vaults, q.paths}));
  std::vector<std::optional<WriteBase>> bases(places.size());
  for (int row = 0; row < rows.size(); ++row) {
    const size_t index = IndexAt(rows, row, kBasePlace);
    const Place& place = places.at(index);
    WriteBase& base = bases[index].emplace();
    base.vault = {place.org, place.vault, TypeAt(rows, row, kBaseVaultByType),
                  rows.UuidAt(row, kBaseVaultBy)};
    if (!rows.IsNull(row, kBaseCmek)) base.cmek = crypto::ToDigest(rows.Blob(row, kBaseCmek));
    if (!rows.IsNull(row, kBaseKekVersion)) {
      base.kek = KekAt(rows, row, kBaseKek, {place.org, place.vault, NumberAt(rows, row, kBaseKekVersion)});
    }
    if (!rows.IsNull(row, kBaseId)) {
      base.previous = WriteBase::Previous{rows.IdAt<SecretId>(row, kBaseId),
                                          NumberAt(rows, row, kBaseVersion), std::nullopt};
      if (!rows.IsNull(row, kBaseType)) base.previous->type = std::string(rows.Text(row, kBaseType));
    }
  }
  return bases;
}

Connection::Call Claim(const Grant& grant, const NewVersion& version, std::string_view path) {
  const crypto::SecretIdentity& identity = version.identity;
  if (identity.version == 1) {
    return {kClaimFirst, {grant.org(), grant.vault(), identity.secret, path, version.created_at}};
  }
  return {kClaimNext, {grant.org(), identity.secret, identity.version}};
}

Connection::Call InsertVersion(const Grant& grant, const NewVersion& version) {
  return {kInsertVersion,
          {grant.org(), grant.vault(), version.identity.secret, version.identity.version, version.type,
           version.request.metadata, version.request.expires_at, version.request.max_access_count,
           crypto::Name(version.created_by_type), version.created_by, version.created_at,
           version.identity.kek_version, version.sealed.dek.bytes, version.sealed.ciphertext, version.cmek}};
}

Connection::Call KeepCmek(const Grant& grant, const crypto::Digest& fingerprint) {
  return {kKeepCmek, {grant.org(), grant.vault(), ByteView(fingerprint)}};
}

Result<std::set<SecretId>> WriteNext(Connection& connection, const std::vector<Granted>& versions) {
  using schema::Param;
  std::vector<Uuid> orgs, vaults, secrets, authors;
  std::vector<int64_t> numbers, limits, kek_versions;
  std::vector<std::string> types, metadata, author_types;
  std::vector<Time> expiries, times;
  std::vector<Bytes> deks, ciphertexts;
  for (const auto& [grant, version] : versions) {
    orgs.push_back(grant.org().uuid);
    vaults.push_back(grant.vault().uuid);
    secrets.push_back(version.identity.secret.uuid);
    numbers.push_back(version.identity.version);
    types.push_back(version.type);
    metadata.push_back(version.request.metadata);
    expiries.push_back(version.request.expires_at.value_or(Time::max()));
    limits.push_back(version.request.max_access_count);
    author_types.emplace_back(crypto::Name(version.created_by_type));
    authors.push_back(version.created_by);
    times.push_back(version.created_at);
    kek_versions.push_back(version.identity.kek_version);
    deks.push_back(version.sealed.dek.bytes);
    ciphertexts.push_back(version.sealed.ciphertext);
  }
  TRY(const auto rows,
      connection.Run(kWriteNext,
                     {Param::UuidArray(orgs), Param::UuidArray(vaults), Param::UuidArray(secrets),
                      Param::Int8Array(numbers), Param::TextArray(types), Param::TextArray(metadata),
                      Param::TimeArray(expiries), Param::Int8Array(limits), Param::TextArray(author_types),
                      Param::UuidArray(authors), Param::TimeArray(times), Param::Int8Array(kek_versions),
                      Param::ByteaArray(deks), Param::ByteaArray(ciphertexts)}));
  std::set<SecretId> written;
  for (int row = 0; row < rows.size(); ++row) written.insert(rows.IdAt<SecretId>(row, 0));
  return written;
}

Result<std::vector<Outdated>> FindOutdated(Connection& connection, const OrgId& org, const VaultId& vault,
                                           uint32_t newest, int64_t limit) {
  TRY(const auto rows, connection.Run(kFindOutdated, {org, vault, newest, limit}));
  std::vector<Outdated> found;
  for (int row = 0; row < rows.size(); ++row) {
    auto kek = KekAt(rows, row, kOldKek, {org, vault, NumberAt(rows, row, kOldKekVersion)});
    if (rows.IsNull(row, kOldPath) || !kek) {
      return IntegrityFailure("secret or KEK of a secret version is missing");
    }
    Outdated& version = found.emplace_back();
    version.identity = {org,
                        vault,
                        rows.IdAt<SecretId>(row, kOldSecret),
                        NumberAt(rows, row, kOldVersion),
                        NumberAt(rows, row, kOldKekVersion),
                        std::string(rows.Text(row, kOldPath))};
    if (!rows.IsNull(row, kOldFirstKekVersion)) {
      version.identity.first_kek_version = NumberAt(rows, row, kOldFirstKekVersion);
    }
    version.kek = *std::move(kek);
    version.dek = {BytesAt(rows, row, kOldDek)};
  }
  return found;
}

Result<int64_t> CountOutdated(Connection& connection, const OrgId& org, const VaultId& vault,
                              uint32_t newest) {
  TRY(const auto rows, connection.Run(kCountOutdated, {org, vault, newest}));
  return rows.Int8(0, 0);
}

Result<int64_t> Reseal(Connection& connection, const OrgId& org, const VaultId& vault, uint32_t newest,
                       const std::vector<Resealed>& versions) {
  using schema::Param;
  std::vector<Uuid> secrets;
  std::vector<int64_t> numbers;
  std::vector<Bytes> before, after;
  for (const auto& [version, dek] : versions) {
    secrets.push_back(version.identity.secret.uuid);
    numbers.push_back(version.identity.version);
    before.push_back(version.dek.bytes);
    after.push_back(dek.bytes);
  }
  TRY(const auto rows,
      connection.Run(kReseal, {org, vault, newest, Param::UuidArray(secrets), Param::Int8Array(numbers),
                               Param::ByteaArray(before), Param::ByteaArray(after)}));
  return rows.Int8(0, 0);
}

Result<std::vector<UnderCmek>> FindUnderCmek(Connection& connection, const Grant& grant,
                                             const crypto::Digest& fingerprint, const CmekPlace& after,
                                             const CmekPage& page) {
  TRY(const auto rows,
      connection.Run(kFindUnderCmek, {grant.org(), grant.vault(), ByteView(fingerprint), after.secret,
                                      after.version, page.limit, page.max_bytes}));
  std::vector<UnderCmek> found;
  for (int row = 0; row < rows.size(); ++row) {
    auto kek = KekAt(rows, row, kCmekKek, {grant.org(), grant.vault(), NumberAt(rows, row, kCmekKekVersion)});
    if (rows.IsNull(row, kCmekPath) || !kek) {
      return IntegrityFailure("secret or KEK of a secret version is missing");
    }
    UnderCmek& version = found.emplace_back();
    version.identity = {grant.org(),
                        grant.vault(),
                        rows.IdAt<SecretId>(row, kCmekSecret),
                        NumberAt(rows, row, kCmekVersion),
                        NumberAt(rows, row, kCmekKekVersion),
                        std::string(rows.Text(row, kCmekPath))};
    if (!rows.IsNull(row, kCmekFirstKekVersion)) {
      version.identity.first_kek_version = NumberAt(rows, row, kCmekFirstKekVersion);
    }
    version.is_readable = rows.Bool(row, kCmekReadable);
    version.kek = *std::move(kek);
    version.sealed = {{BytesAt(rows, row, kCmekDek)}, BytesAt(rows, row, kCmekCiphertext)};
  }
  return found;
}

Result<CmekCounts> CountCmek(Connection& connection, const Grant& grant, const CmekExchange& keys) {
  TRY(const auto rows,
      connection.Run(kCountCmek, {grant.org(), grant.vault(), ByteView(keys.from), ByteView(keys.to)}));
  return CmekCounts{rows.Int8(0, 0), rows.Int8(0, 1), rows.Int8(0, 2)};
}

Result<int64_t> ExchangeCmek(Connection& connection, const Grant& grant, const CmekExchange& keys,
                             uint32_t newest, const std::vector<Exchanged>& versions) {
  using schema::Param;
  std::vector<Uuid> secrets;
  std::vector<int64_t> numbers;
  std::vector<Bytes> before, after, values;
  for (const auto& [version, sealed] : versions) {
    secrets.push_back(version.identity.secret.uuid);
    numbers.push_back(version.identity.version);
    before.push_back(version.sealed.dek.bytes);
    after.push_back(sealed.dek.bytes);
    values.push_back(sealed.ciphertext);
  }
  TRY(const auto rows, connection.Run(kExchangeCmek, {grant.org(), grant.vault(), ByteView(keys.from),
                                                      ByteView(keys.to), newest, Param::UuidArray(secrets),
                                                      Param::Int8Array(numbers), Param::ByteaArray(before),
                                                      Param::ByteaArray(after), Param::ByteaArray(values)}));
  return rows.Int8(0, 0);
}

Result<std::optional<SecretId>> SoftDelete(Connection& connection, const Grant& grant, std::string_view path,
                                           Time now) {
  TRY(const auto rows, connection.Run(kSoftDelete, {grant.org(), grant.vault(), path, now}));
  if (rows.empty()) return std::nullopt;
  return rows.IdAt<SecretId>(0, 0);
}

Result<std::optional<std::string>> PathOf(Connection& connection, const Grant& grant, const SecretId& id) {
  TRY(const auto rows, connection.Run(kPathOf, {grant.org(), grant.vault(), id}));
  if (rows.empty()) return std::nullopt;
  return std::string(rows.Text(0, 0));
}

Result<std::vector<SecretMetadata>> List(Connection& connection, const Grant& grant, std::string_view prefix,
                                         std::string_view after, int64_t limit) {
  TRY(const auto rows,
      connection.Run(kList, {grant.org(), grant.vault(), after, prefix, PrefixEnd(prefix), limit}));
  std::vector<SecretMetadata> secrets(rows.size());
  for (int row = 0; row < rows.size(); ++row) {
    if (rows.IsNull(row, 2)) return IntegrityFailure("newest version of a secret is missing");
    SecretMetadata& secret = secrets[row];
    secret.id = rows.IdAt<SecretId>(row, 0);
    secret.path = rows.Text(row, 1);
    secret.type = rows.Text(row, 2);
    secret.version = static_cast<uint32_t>(rows.Int4(row, 3));
    secret.metadata = rows.Text(row, 4);
    secret.created_at = rows.Timestamp(row, 5);
    secret.expires_at = TimeAt(rows, row, 6);
  }
  return secrets;
}

}  // namespace claviger::api::secrets_store
