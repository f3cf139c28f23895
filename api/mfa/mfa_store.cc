#include "api/mfa/mfa_store.h"

#include "api/access/lookups_store.h"
#include "api/system_keks/system_keks_store.h"

namespace claviger::api::mfa_store {
namespace {

using schema::Statement;

#define FACTOR_COLUMNS                                                                                \
  "f.id, f.sealed_secret, f.last_step, f.enabled_at IS NOT NULL, k.version, k.root_version, k.blob, " \
  "k.check_record"

constexpr Statement kFind = {"mfa_find",
                             "SELECT " FACTOR_COLUMNS
                             " FROM totp_factors f JOIN system_keks k ON k.version = f.kek_version"
                             " WHERE f.org_id = $1 AND f.user_id = $2",
                             true};

constexpr Statement kPutPending = {
    "mfa_put_pending",
    "INSERT INTO totp_factors (org_id, user_id, id, sealed_secret, kek_version, created_at)"
    " VALUES ($1, $2, $3, $4, $5, $6)"
    " ON CONFLICT (org_id, user_id) DO UPDATE SET id = $3, sealed_secret = $4, kek_version = $5, created_at "
    "= $6"
    " WHERE totp_factors.enabled_at IS NULL"};

constexpr Statement kEnable = {"mfa_enable",
                               "UPDATE totp_factors SET enabled_at = $5, last_step = $4"
                               " WHERE org_id = $1 AND user_id = $2 AND id = $3 AND enabled_at IS NULL"};

constexpr Statement kInsertRecoveryCodes = {
    "mfa_insert_recovery_codes",
    "INSERT INTO recovery_codes (org_id, user_id, mac, lookup_version)"
    " SELECT $1, $2, c.mac, c.version FROM unnest($3::bytea[], $4::bigint[]) c(mac, version)"};

constexpr Statement kLock = {
    "mfa_lock",
    "SELECT 1 FROM totp_factors"
    " WHERE org_id = $1 AND user_id = $2 AND id = $3 AND enabled_at IS NOT NULL FOR UPDATE"};

constexpr Statement kSpendStep = {"mfa_spend_step",
                                  "UPDATE totp_factors SET last_step = $3"
                                  " WHERE org_id = $1 AND user_id = $2 AND last_step < $3"};

constexpr Statement kSpendRecoveryCode = {
    "mfa_spend_recovery_code", "DELETE FROM recovery_codes WHERE org_id = $1 AND user_id = $2 AND mac = $3"};

constexpr Statement kDelete = {"mfa_delete", "DELETE FROM totp_factors WHERE org_id = $1 AND user_id = $2"};

constexpr Statement kDeleteExpired = {
    "mfa_delete_expired",
    "DELETE FROM mfa_challenges WHERE org_id = $1 AND user_id = $2 AND expires_at <= $3"};

constexpr Statement kInsertChallenge = {"mfa_insert_challenge",
                                        "INSERT INTO mfa_challenges (org_id, user_id, mac, lookup_version,"
                                        "                            expires_at)"
                                        " SELECT org_id, user_id, $3, $4, $5 FROM totp_factors"
                                        "  WHERE org_id = $1 AND user_id = $2 AND enabled_at IS NOT NULL"};

// Without an organisation: who comes with a challenge has nothing else.
constexpr Statement kFindChallenge = {
    "mfa_find_challenge",
    "SELECT c.org_id, c.user_id, c.mac, c.expires_at, c.tries, u.email, u.tokens_valid_from, " FACTOR_COLUMNS
    "  FROM mfa_challenges c"
    "  JOIN totp_factors f ON f.org_id = c.org_id AND f.user_id = c.user_id"
    "  JOIN system_keks k ON k.version = f.kek_version"
    "  JOIN users u ON u.org_id = c.org_id AND u.id = c.user_id"
    " WHERE c.mac = $1",
    true};

constexpr Statement kCountChallengeTry = {"mfa_count_challenge_try",
                                          "UPDATE mfa_challenges SET tries = tries + 1"
                                          " WHERE org_id = $1 AND user_id = $2 AND mac = $3 AND tries < $4"};

constexpr Statement kSpendChallenge = {
    "mfa_spend_challenge", "DELETE FROM mfa_challenges WHERE org_id = $1 AND user_id = $2 AND mac = $3"};

constexpr Statement kDeleteChallenges = {"mfa_delete_challenges",
                                         "DELETE FROM mfa_challenges WHERE org_id = $1 AND user_id = $2"};

constexpr Statement kFindOutdated = {
    "mfa_find_outdated",
    "SELECT f.org_id, f.user_id, " FACTOR_COLUMNS
    " FROM totp_factors f JOIN system_keks k ON k.version = f.kek_version WHERE f.kek_version < $1 LIMIT $2",
    true};

constexpr Statement kCountOutdated = {"mfa_count_outdated",
                                      "SELECT count(*) FROM totp_factors WHERE kek_version < $1", true};

constexpr Statement kReseal = {"mfa_reseal",
                               "UPDATE totp_factors SET sealed_secret = $5, kek_version = $4"
                               " WHERE org_id = $1 AND user_id = $2 AND sealed_secret = $3"};

#undef FACTOR_COLUMNS

Bytes Copy(ByteView bytes) { return {bytes.begin(), bytes.end()}; }

Factor ReadFactor(const schema::Rows& rows, int row, int column) {
  return {rows.UuidAt(row, column), Copy(rows.Blob(row, column + 1)),
          system_keks_store::KekAt(rows, row, column + 4), rows.Int8(row, column + 2),
          rows.Bool(row, column + 3)};
}

Result<bool> Touched(Result<schema::Rows> rows) {
  if (!rows) return std::move(rows).as_failure();
  return rows.value().affected() > 0;
}

}  // namespace

Result<std::optional<Factor>> Find(schema::Connection& connection, const Owner& owner) {
  TRY(const auto rows, connection.Run(kFind, {owner.org, owner.user}));
  if (rows.empty()) return std::nullopt;
  return ReadFactor(rows, 0, 0);
}

Result<bool> PutPending(schema::Connection& connection, const Owner& owner, const Factor& factor, Time now) {
  return Touched(connection.Run(kPutPending, {owner.org, owner.user, factor.id, factor.sealed_secret,
                                              factor.kek.identity.version, now}));
}

Result<bool> Enable(schema::Connection& connection, const Owner& owner, const Factor& seen, int64_t step,
                    Time now) {
  return Touched(connection.Run(kEnable, {owner.org, owner.user, seen.id, step, now}));
}

Status InsertRecoveryCodes(schema::Connection& connection, const Owner& owner,
                           const std::vector<crypto::LookupMac>& macs) {
  std::vector<Bytes> bytes;
  std::vector<int64_t> versions;
  for (const auto& mac : macs) {
    bytes.push_back(mac.bytes);
    versions.push_back(mac.version);
  }
  TRYV(connection.Run(kInsertRecoveryCodes, {owner.org, owner.user, schema::Param::ByteaArray(bytes),
                                             schema::Param::Int8Array(versions)}));
  return Ok();
}

Result<bool> Lock(schema::Connection& connection, const Owner& owner, const Factor& seen) {
  TRY(const auto rows, connection.Run(kLock, {owner.org, owner.user, seen.id}));
  return !rows.empty();
}

Result<bool> SpendStep(schema::Connection& connection, const Owner& owner, int64_t step) {
  return Touched(connection.Run(kSpendStep, {owner.org, owner.user, step}));
}

Result<bool> SpendRecoveryCode(schema::Connection& connection, const Owner& owner,
                               const crypto::LookupMacs& macs) {
  return Touched(lookups_store::LookUp(macs, [&](const Bytes& mac) {
    return connection.Run(kSpendRecoveryCode, {owner.org, owner.user, mac});
  }));
}

Status Delete(schema::Connection& connection, const Owner& owner) {
  TRYV(connection.Run(kDelete, {owner.org, owner.user}));
  return Ok();
}

Result<bool> InsertChallenge(schema::Connection& connection, const Owner& owner, const crypto::LookupMac& mac,
                             Time expires_at, Time now) {
  TRYV(connection.Run(kDeleteExpired, {owner.org, owner.user, now}));
  return Touched(
      connection.Run(kInsertChallenge, {owner.org, owner.user, mac.bytes, mac.version, expires_at}));
}

Result<std::optional<Challenge>> FindChallenge(schema::Connection& connection,
                                               const crypto::LookupMacs& macs) {
  TRY(const auto rows,
      lookups_store::LookUp(macs, [&](const Bytes& mac) { return connection.Run(kFindChallenge, {mac}); }));
  if (rows.empty()) return std::nullopt;
  Challenge challenge;
  challenge.owner = {rows.IdAt<OrgId>(0, 0), rows.IdAt<UserId>(0, 1)};
  challenge.mac = Copy(rows.Blob(0, 2));
  challenge.expires_at = rows.Timestamp(0, 3);
  challenge.tries = rows.Int4(0, 4);
  challenge.email = std::string(rows.Text(0, 5));
  challenge.tokens_valid_from = rows.Timestamp(0, 6);
  challenge.factor = ReadFactor(rows, 0, 7);
  return challenge;
}

Result<bool> CountChallengeTry(schema::Connection& connection, const Challenge& challenge, int32_t limit) {
  return Touched(
      connection.Run(kCountChallengeTry, {challenge.owner.org, challenge.owner.user, challenge.mac, limit}));
}

Result<bool> SpendChallenge(schema::Connection& connection, const Challenge& challenge) {
  return Touched(connection.Run(kSpendChallenge, {challenge.owner.org, challenge.owner.user, challenge.mac}));
}

Status DeleteChallenges(schema::Connection& connection, const Owner& owner) {
  TRYV(connection.Run(kDeleteChallenges, {owner.org, owner.user}));
  return Ok();
}

Result<std::vector<Outdated>> FindOutdated(schema::Connection& connection, uint32_t newest, int64_t limit) {
  TRY(const auto rows, connection.Run(kFindOutdated, {newest, limit}));
  std::vector<Outdated> found;
  for (int row = 0; row < rows.size(); ++row) {
    found.push_back({{rows.IdAt<OrgId>(row, 0), rows.IdAt<UserId>(row, 1)}, ReadFactor(rows, row, 2)});
  }
  return found;
}

Result<int64_t> CountOutdated(schema::Connection& connection, uint32_t newest) {
  TRY(const auto rows, connection.Run(kCountOutdated, {newest}));
  return rows.Int8(0, 0);
}

Result<bool> Reseal(schema::Connection& connection, const Outdated& factor, uint32_t newest,
                    ByteView sealed_secret) {
  const auto& [owner, before] = factor;
  return Touched(
      connection.Run(kReseal, {owner.org, owner.user, before.sealed_secret, newest, sealed_secret}));
}

}  // namespace claviger::api::mfa_store
