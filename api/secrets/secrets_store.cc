#include "api/secrets/secrets_store.h"

namespace claviger::api::secrets_store {
namespace {

using schema::Connection;
using schema::Rows;
using schema::Statement;

// PostgreSQL's planner takes (org, vault) for one row while the tables are young or most vaults small, and
// then rather walks a whole vault than use the full key it was given. Hence the forms below: a subquery with
// LIMIT is planned by itself with every column it is given, and an order leaves only the index that has it.
#define THE_VAULT "(SELECT * FROM vaults WHERE org_id = $1 AND id BETWEEN $2 AND $2 ORDER BY id LIMIT 1) v"
#define SECRET_AT_PATH                                                                \
  "(SELECT id, version, deleted_at FROM secrets WHERE org_id = $1 AND vault_id = $2 " \
  "AND path BETWEEN $3 AND $3 ORDER BY path LIMIT 1) s"

// LEFT JOINs tell an absent vault (no row) from an absent secret (a row of NULLs) in one round trip.
constexpr Statement kFindForRead{
    "secrets_find_for_read",
    "SELECT v.created_by_type, v.created_by, s.id, s.version, s.deleted_at, "
    "r.type, r.metadata, r.created_at, r.expires_at, r.max_access_count, r.access_count, "
    "r.created_by_type, r.created_by, r.kek_version, r.sealed_dek, r.ciphertext, "
    "k.root_version, k.blob, k.check_record "
    "FROM " THE_VAULT " LEFT JOIN LATERAL " SECRET_AT_PATH
    " ON true "
    "LEFT JOIN LATERAL (SELECT * FROM secret_versions WHERE org_id = $1 "
    "AND secret_id = s.id AND version = s.version LIMIT 1) r ON true "
    "LEFT JOIN LATERAL (SELECT * FROM vault_keks WHERE org_id = $1 AND vault_id = $2 "
    "AND version = r.kek_version LIMIT 1) k ON true",
    true};
enum ReadColumn {
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
  kRootVersion,
  kKekBlob,
  kKekCheck
};

constexpr Statement kCountAccess{"secrets_count_access",
                                 "UPDATE secret_versions SET access_count = access_count + 1 "
                                 "WHERE org_id = $1 AND secret_id = $2 AND version = $3 "
                                 "AND access_count < max_access_count"};

constexpr Statement kFindForWrite{
    "secrets_find_for_write",
    "SELECT v.created_by_type, v.created_by, k.version, k.root_version, k.blob, k.check_record, "
    "s.id, s.version, CASE WHEN s.deleted_at IS NULL THEN r.type END "
    "FROM " THE_VAULT " LEFT JOIN LATERAL " SECRET_AT_PATH
    " ON true "
    "LEFT JOIN LATERAL (SELECT type FROM secret_versions WHERE org_id = $1 "
    "AND secret_id = s.id AND version = s.version LIMIT 1) r ON true "
    "LEFT JOIN LATERAL (SELECT * FROM vault_keks WHERE org_id = $1 AND vault_id = $2 "
    "AND version = v.kek_version LIMIT 1) k ON true",
    true};

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
    "max_access_count, created_by_type, created_by, created_at, kek_version, sealed_dek, ciphertext) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"};

constexpr Statement kSoftDelete{"secrets_soft_delete",
                                "UPDATE secrets SET deleted_at = $4 WHERE org_id = $1 "
                                "AND id = (SELECT s.id FROM " SECRET_AT_PATH
                                ") AND deleted_at IS NULL RETURNING id"};

#undef SECRET_AT_PATH
#undef THE_VAULT

// The range makes the unique key on the path serve prefix, page and order alike.
constexpr Statement kList{
    "secrets_list",
    "SELECT s.id, s.path, r.type, s.version, r.metadata, r.created_at, r.expires_at "
    "FROM (SELECT id, path, version FROM secrets WHERE org_id = $1 AND vault_id = $2 AND path > $3 "
    "AND path >= $4 AND path < $5 AND deleted_at IS NULL ORDER BY path LIMIT $6) s "
    "LEFT JOIN LATERAL (SELECT * FROM secret_versions WHERE org_id = $1 "
    "AND secret_id = s.id AND version = s.version LIMIT 1) r ON true ORDER BY s.path",
    true};

PrincipalType TypeAt(const Rows& rows, int column) {
  return rows.Text(0, column) == crypto::Name(PrincipalType::kAgent) ? PrincipalType::kAgent
                                                                     : PrincipalType::kUser;
}

std::optional<Time> TimeAt(const Rows& rows, int row, int column) {
  if (rows.IsNull(row, column)) return std::nullopt;
  return rows.Timestamp(row, column);
}

uint32_t NumberAt(const Rows& rows, int column) { return static_cast<uint32_t>(rows.Int4(0, column)); }

Bytes BytesAt(const Rows& rows, int column) {
  const ByteView view = rows.Blob(0, column);
  return {view.begin(), view.end()};
}

// The least text above all texts with this prefix, in the byte order of paths.
std::string PrefixEnd(std::string_view prefix) {
  if (prefix.empty()) return "\x7F";  // above every character of a path
  std::string end(prefix);
  ++end.back();
  return end;
}

}  // namespace

FoundSecret::FoundSecret(Rows rows, const OrgId& org, const VaultId& vault, std::string_view path)
    : rows_(std::move(rows)), org_(org), vault_(vault), path_(path) {}

VaultFacts FoundSecret::vault() const {
  return {org_, vault_, TypeAt(rows_, kVaultByType), rows_.UuidAt(0, kVaultBy)};
}

bool FoundSecret::exists() const { return !rows_.IsNull(0, kId); }
bool FoundSecret::deleted() const { return !rows_.IsNull(0, kDeletedAt); }

crypto::SecretIdentity FoundSecret::identity() const {
  crypto::SecretIdentity identity{org_, vault_, rows_.IdAt<SecretId>(0, kId), NumberAt(rows_, kVersion), 0};
  if (!rows_.IsNull(0, kKekVersion)) identity.kek_version = NumberAt(rows_, kKekVersion);
  return identity;
}

Result<SecretMetadata> FoundSecret::About() const {
  if (rows_.IsNull(0, kType)) return IntegrityFailure("newest version of a secret is missing");
  SecretMetadata about;
  about.id = rows_.IdAt<SecretId>(0, kId);
  about.path = path_;
  about.type = rows_.Text(0, kType);
  about.version = NumberAt(rows_, kVersion);
  about.metadata = rows_.Text(0, kMetadata);
  about.created_at = rows_.Timestamp(0, kCreatedAt);
  about.expires_at = TimeAt(rows_, 0, kExpiresAt);
  return about;
}

std::string FoundSecret::created_by() const {
  return std::string(rows_.Text(0, kByType)) + ":" + FormatUuid(rows_.UuidAt(0, kBy));
}

bool FoundSecret::limited() const { return rows_.Int4(0, kMaxAccessCount) > 0; }

bool FoundSecret::used_up() const {
  return limited() && rows_.Int4(0, kAccessCount) >= rows_.Int4(0, kMaxAccessCount);
}

Result<FoundSecret::Sealed> FoundSecret::Unlock(const Grant& grant) const {
  if (!(grant.org() == org_ && grant.vault() == vault_)) return Internal("grant is for another vault");
  if (rows_.IsNull(0, kCiphertext)) return IntegrityFailure("newest version of a secret is missing");
  if (rows_.IsNull(0, kKekBlob)) return IntegrityFailure("KEK of a secret version is missing");
  return Sealed{{{org_, vault_, NumberAt(rows_, kKekVersion)},
                 NumberAt(rows_, kRootVersion),
                 BytesAt(rows_, kKekBlob),
                 BytesAt(rows_, kKekCheck)},
                {{BytesAt(rows_, kSealedDek)}, BytesAt(rows_, kCiphertext)}};
}

Result<std::optional<FoundSecret>> FindForRead(Connection& connection, const OrgId& org, const VaultId& vault,
                                               std::string_view path) {
  TRY(auto rows, connection.Run(kFindForRead, {org, vault, path}));
  if (rows.empty()) return std::nullopt;
  return FoundSecret(std::move(rows), org, vault, path);
}

Result<bool> CountAccess(Connection& connection, const Grant& grant, const crypto::SecretIdentity& identity) {
  TRY(const auto rows, connection.Run(kCountAccess, {grant.org(), identity.secret, identity.version}));
  return rows.affected() == 1;
}

Result<std::optional<WriteBase>> FindForWrite(Connection& connection, const OrgId& org, const VaultId& vault,
                                              std::string_view path) {
  TRY(const auto rows, connection.Run(kFindForWrite, {org, vault, path}));
  if (rows.empty()) return std::nullopt;
  WriteBase base;
  base.vault = {org, vault, TypeAt(rows, 0), rows.UuidAt(0, 1)};
  if (!rows.IsNull(0, 2)) {
    base.kek = crypto::WrappedKek{
        {org, vault, NumberAt(rows, 2)}, NumberAt(rows, 3), BytesAt(rows, 4), BytesAt(rows, 5)};
  }
  if (!rows.IsNull(0, 6)) {
    base.previous = WriteBase::Previous{rows.IdAt<SecretId>(0, 6), NumberAt(rows, 7), std::nullopt};
    if (!rows.IsNull(0, 8)) base.previous->type = std::string(rows.Text(0, 8));
  }
  return base;
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
           version.identity.kek_version, version.sealed.dek.bytes, version.sealed.ciphertext}};
}

Result<std::optional<SecretId>> SoftDelete(Connection& connection, const Grant& grant, std::string_view path,
                                           Time now) {
  TRY(const auto rows, connection.Run(kSoftDelete, {grant.org(), grant.vault(), path, now}));
  if (rows.empty()) return std::nullopt;
  return rows.IdAt<SecretId>(0, 0);
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
