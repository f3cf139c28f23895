#include "api/shares/shares_store.h"

namespace claviger::api::shares_store {
namespace {

using schema::Param;
using schema::Rows;
using schema::Statement;

constexpr int64_t kPurgeBatch = 200;
constexpr std::chrono::days kKeepExpired{7};

constexpr Statement kFindSecret{"shares_find_secret",
                                "SELECT vault_id, path FROM secrets WHERE org_id = $1 AND id = $2", true};
constexpr Statement kHasUser{"shares_has_user", "SELECT 1 FROM users WHERE org_id = $1 AND id = $2", true};
constexpr Statement kHasAgent{"shares_has_agent", "SELECT 1 FROM agents WHERE org_id = $1 AND id = $2", true};
constexpr Statement kCreatorOf{
    "shares_creator_of",
    "SELECT created_by FROM agents WHERE org_id = $1 AND id = $2 AND created_by IS NOT NULL", true};
constexpr Statement kAddressOf{"shares_address_of",
                               "SELECT email, email_verified FROM users WHERE org_id = $1 AND id = $2", true};

constexpr Statement kPurge{"shares_purge",
                           "DELETE FROM shares WHERE (org_id, id) IN"
                           " (SELECT org_id, id FROM shares WHERE expires_at < $1"
                           "   ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)"};

constexpr Statement kInsert{
    "shares_insert",
    "INSERT INTO shares (org_id, id, secret_id, by_user, by_agent, recipient_type, to_id, to_email,"
    "                    passphrase_hash, ip_allowlist, created_at, expires_at, max_access_count, lookup,"
    "                    lookup_version)"
    " SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $16"
    "  WHERE (SELECT count(*) FROM (SELECT FROM shares WHERE org_id = $1 LIMIT $15) s) < $15"};

#define SHARES                                                                                          \
  "SELECT s.org_id, s.id, s.secret_id, s.by_user, s.by_agent, s.recipient_type, s.to_id, s.to_email,"   \
  "       s.passphrase_hash, s.ip_allowlist, s.created_at, s.expires_at, s.max_access_count, s.lookup," \
  "       s.access_count, s.accepted_at, s.told_at, x.vault_id, x.path,"                                \
  "       CASE WHEN u.email_verified THEN u.email END, s.lookup_version"                                \
  "  FROM shares s JOIN secrets x ON x.org_id = s.org_id AND x.id = s.secret_id"                        \
  "  LEFT JOIN users u ON u.org_id = s.org_id AND u.id = s.by_user"
// Ids are UUIDv7: their order is the order of creation.
#define WINDOW " AND ($3::uuid IS NULL OR s.id > $3) ORDER BY s.id LIMIT $4"
enum Column {
  kOrg,
  kId,
  kSecret,
  kByUser,
  kByAgent,
  kRecipientType,
  kToId,
  kToEmail,
  kPassphraseHash,
  kIpAllowlist,
  kCreatedAt,
  kExpiresAt,
  kMaxAccessCount,
  kLookup,
  kAccessCount,
  kAcceptedAt,
  kToldAt,
  kVault,
  kPath,
  kSharerEmail,
  kLookupVersion
};

constexpr Statement kFind{"shares_find", SHARES " WHERE s.lookup = $1", true};

constexpr Statement kFindRow{"shares_find_row", SHARES " WHERE s.org_id = $1 AND s.id = $2", true};

constexpr Statement kListOfUser{"shares_list_of_user",
                                SHARES " WHERE s.org_id = $1 AND s.by_user = $2" WINDOW, true};
constexpr Statement kListOfAgent{"shares_list_of_agent",
                                 SHARES " WHERE s.org_id = $1 AND s.by_agent = $2" WINDOW, true};

constexpr Statement kListToUser{
    "shares_list_to_user",
    SHARES
    " WHERE (s.org_id = $1 AND s.to_id = $2 AND s.recipient_type IN ('user', 'creator')"
    "        OR s.to_email = (SELECT email FROM users WHERE org_id = $1 AND id = $2 AND "
    "email_verified))" WINDOW,
    true};
constexpr Statement kListToAgent{
    "shares_list_to_agent",
    SHARES " WHERE s.org_id = $1 AND s.to_id = $2 AND s.recipient_type = 'agent'" WINDOW, true};

#undef WINDOW
#undef SHARES

constexpr Statement kCountAccess{
    "shares_count_access",
    "UPDATE shares SET access_count = access_count + 1,"
    "                  told_at = CASE WHEN $4 AND (told_at IS NULL OR told_at <= $5) THEN $3 ELSE told_at END"
    " WHERE org_id = $1 AND id = $2 AND expires_at > $3"
    "   AND (max_access_count = 0 OR access_count < max_access_count)"
    "   AND (recipient_type = 'anyone_with_link' OR accepted_at IS NOT NULL)"
    " RETURNING access_count, $4 AND told_at = $3"};

constexpr Statement kAccept{
    "shares_accept",
    "UPDATE shares SET accepted_at = COALESCE(accepted_at, $3) WHERE org_id = $1 AND id = $2"};

constexpr Statement kDelete{"shares_delete", "DELETE FROM shares WHERE org_id = $1 AND id = $2"};

std::optional<Time> TimeAt(const Rows& rows, int row, int column) {
  if (rows.IsNull(row, column)) return std::nullopt;
  return rows.Timestamp(row, column);
}

Result<Share> ReadShare(const Rows& rows, int row) {
  const auto recipient = ParseRecipientType(rows.Text(row, kRecipientType));
  if (!recipient) return Internal("stored recipient type is unknown");
  Share share;
  ShareTerms& terms = share.terms;
  terms.org = rows.IdAt<OrgId>(row, kOrg);
  terms.id = rows.IdAt<ShareId>(row, kId);
  terms.secret = rows.IdAt<SecretId>(row, kSecret);
  terms.by_type = rows.IsNull(row, kByAgent) ? PrincipalType::kUser : PrincipalType::kAgent;
  terms.by = rows.UuidAt(row, terms.by_type == PrincipalType::kUser ? kByUser : kByAgent);
  terms.recipient = *recipient;
  if (!rows.IsNull(row, kToId)) terms.to = rows.UuidAt(row, kToId);
  if (!rows.IsNull(row, kToEmail)) terms.email = rows.Text(row, kToEmail);
  terms.passphrase_hash = rows.Text(row, kPassphraseHash);
  terms.ip_allowlist = rows.Text(row, kIpAllowlist);
  terms.max_access_count = static_cast<uint32_t>(rows.Int4(row, kMaxAccessCount));
  terms.created_at = rows.Timestamp(row, kCreatedAt);
  terms.expires_at = rows.Timestamp(row, kExpiresAt);
  share.access_count = static_cast<uint32_t>(rows.Int4(row, kAccessCount));
  share.accepted_at = TimeAt(rows, row, kAcceptedAt);
  share.told_at = TimeAt(rows, row, kToldAt);
  share.vault = rows.IdAt<VaultId>(row, kVault);
  share.path = rows.Text(row, kPath);
  if (!rows.IsNull(row, kSharerEmail)) share.sharer_email = rows.Text(row, kSharerEmail);
  const ByteView lookup = rows.Blob(row, kLookup);
  share.lookup.assign(lookup.begin(), lookup.end());
  share.lookup_version = static_cast<uint32_t>(rows.Int4(row, kLookupVersion));
  return share;
}

Result<std::optional<Share>> FindOne(schema::Connection& connection, const Statement& statement,
                                     std::initializer_list<Param> key) {
  TRY(const auto rows, connection.Run(statement, key));
  if (rows.empty()) return std::nullopt;
  TRY(auto share, ReadShare(rows, 0));
  return std::optional(std::move(share));
}

Result<std::vector<Share>> List(schema::Connection& connection, const Statement& statement,
                                const Principal& principal, const Window& window) {
  TRY(const auto rows, connection.Run(statement, {principal.org, principal.id, window.after, window.limit}));
  std::vector<Share> shares;
  shares.reserve(rows.size());
  for (int row = 0; row < rows.size(); ++row) {
    TRY(auto share, ReadShare(rows, row));
    shares.push_back(std::move(share));
  }
  return shares;
}

}  // namespace

Result<std::optional<SecretPlace>> FindSecret(schema::Connection& connection, const OrgId& org,
                                              const SecretId& secret) {
  TRY(const auto rows, connection.Run(kFindSecret, {org, secret}));
  if (rows.empty()) return std::nullopt;
  return SecretPlace{rows.IdAt<VaultId>(0, 0), std::string(rows.Text(0, 1))};
}

Result<bool> HasUser(schema::Connection& connection, const OrgId& org, const Uuid& user) {
  TRY(const auto rows, connection.Run(kHasUser, {org, user}));
  return !rows.empty();
}

Result<bool> HasAgent(schema::Connection& connection, const OrgId& org, const Uuid& agent) {
  TRY(const auto rows, connection.Run(kHasAgent, {org, agent}));
  return !rows.empty();
}

Result<std::optional<UserId>> CreatorOf(schema::Connection& connection, const OrgId& org, const Uuid& agent) {
  TRY(const auto rows, connection.Run(kCreatorOf, {org, agent}));
  if (rows.empty()) return std::nullopt;
  return rows.IdAt<UserId>(0, 0);
}

Result<std::optional<Address>> AddressOf(schema::Connection& connection, const OrgId& org, const Uuid& user) {
  TRY(const auto rows, connection.Run(kAddressOf, {org, user}));
  if (rows.empty()) return std::nullopt;
  return Address{std::string(rows.Text(0, 0)), rows.Bool(0, 1)};
}

Status Purge(schema::Connection& connection, Time now) {
  TRYV(connection.Run(kPurge, {now - kKeepExpired, kPurgeBatch}));
  return Ok();
}

Result<bool> Insert(schema::Connection& connection, const ShareTerms& terms, const NewLink& link,
                    int64_t limit) {
  TRYV(Purge(connection, terms.created_at));
  std::optional<Uuid> by_user, by_agent, to;
  (terms.by_type == PrincipalType::kUser ? by_user : by_agent) = terms.by;
  if (!terms.to.is_nil()) to = terms.to;
  std::optional<std::string> email;
  if (!terms.email.empty()) email = terms.email;
  TRY(const auto rows,
      connection.Run(kInsert,
                     {terms.org, terms.id, terms.secret, by_user, by_agent, Name(terms.recipient), to, email,
                      terms.passphrase_hash, terms.ip_allowlist, terms.created_at, terms.expires_at,
                      terms.max_access_count, LookupOf(link.id), limit, link.lookup_version}));
  return rows.affected() == 1;
}

Result<std::optional<Share>> Find(schema::Connection& connection, ByteView lookup) {
  return FindOne(connection, kFind, {lookup});
}

Result<std::optional<Share>> FindRow(schema::Connection& connection, const OrgId& org, const ShareId& id) {
  return FindOne(connection, kFindRow, {org, id});
}

Result<std::vector<Share>> ListOutbound(schema::Connection& connection, const Principal& principal,
                                        const Window& window) {
  return List(connection, principal.type == PrincipalType::kUser ? kListOfUser : kListOfAgent, principal,
              window);
}

Result<std::vector<Share>> ListInbound(schema::Connection& connection, const Principal& principal,
                                       const Window& window) {
  return List(connection, principal.type == PrincipalType::kUser ? kListToUser : kListToAgent, principal,
              window);
}

Result<std::optional<Counted>> CountAccess(schema::Connection& connection, const ShareTerms& terms,
                                           const Access& access) {
  TRY(const auto rows,
      connection.Run(kCountAccess, {terms.org, terms.id, access.now, access.tells, access.told_before}));
  if (rows.empty()) return std::nullopt;
  return Counted{static_cast<uint32_t>(rows.Int4(0, 0)), !rows.IsNull(0, 1) && rows.Bool(0, 1)};
}

Result<bool> Accept(schema::Connection& connection, const ShareTerms& terms, Time now) {
  TRY(const auto rows, connection.Run(kAccept, {terms.org, terms.id, now}));
  return rows.affected() == 1;
}

Result<bool> Delete(schema::Connection& connection, const ShareTerms& terms) {
  TRY(const auto rows, connection.Run(kDelete, {terms.org, terms.id}));
  return rows.affected() == 1;
}

}  // namespace claviger::api::shares_store
