#include "api/mfa/mfa_store.h"

namespace claviger::api::mfa_store {
namespace {

using schema::Statement;

constexpr Statement kFind = {"mfa_find",
                             "SELECT sealed_secret, last_step, enabled_at IS NOT NULL FROM totp_factors"
                             " WHERE org_id = $1 AND user_id = $2",
                             true};

constexpr Statement kPutPending = {
    "mfa_put_pending",
    "INSERT INTO totp_factors (org_id, user_id, sealed_secret, created_at) VALUES ($1, $2, $3, $4)"
    " ON CONFLICT (org_id, user_id) DO UPDATE SET sealed_secret = $3, created_at = $4"
    " WHERE totp_factors.enabled_at IS NULL"};

constexpr Statement kEnable = {
    "mfa_enable",
    "UPDATE totp_factors SET enabled_at = $5, last_step = $4"
    " WHERE org_id = $1 AND user_id = $2 AND sealed_secret = $3 AND enabled_at IS NULL"};

constexpr Statement kInsertRecoveryCodes = {
    "mfa_insert_recovery_codes",
    "INSERT INTO recovery_codes (org_id, user_id, mac) SELECT $1, $2, unnest($3::bytea[])"};

constexpr Statement kLock = {
    "mfa_lock",
    "SELECT 1 FROM totp_factors"
    " WHERE org_id = $1 AND user_id = $2 AND sealed_secret = $3 AND enabled_at IS NOT NULL FOR UPDATE"};

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
                                        "INSERT INTO mfa_challenges (org_id, user_id, mac, expires_at)"
                                        " SELECT org_id, user_id, $3, $4 FROM totp_factors"
                                        "  WHERE org_id = $1 AND user_id = $2 AND enabled_at IS NOT NULL"};

// Without an organisation: who comes with a challenge has nothing else.
constexpr Statement kFindChallenge = {
    "mfa_find_challenge",
    "SELECT c.org_id, c.user_id, c.mac, c.expires_at, c.tries, f.sealed_secret, f.last_step,"
    "       f.enabled_at IS NOT NULL, u.email, u.tokens_valid_from"
    "  FROM mfa_challenges c"
    "  JOIN totp_factors f ON f.org_id = c.org_id AND f.user_id = c.user_id"
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

Bytes Copy(ByteView bytes) { return {bytes.begin(), bytes.end()}; }

Factor ReadFactor(const schema::Rows& rows, int column) {
  return {Copy(rows.Blob(0, column)), rows.Int8(0, column + 1), rows.Bool(0, column + 2)};
}

Result<bool> Touched(Result<schema::Rows> rows) {
  if (!rows) return std::move(rows).as_failure();
  return rows.value().affected() > 0;
}

}  // namespace

Result<std::optional<Factor>> Find(schema::Connection& connection, const Owner& owner) {
  TRY(const auto rows, connection.Run(kFind, {owner.org, owner.user}));
  if (rows.empty()) return std::nullopt;
  return ReadFactor(rows, 0);
}

Result<bool> PutPending(schema::Connection& connection, const Owner& owner, ByteView sealed_secret,
                        Time now) {
  return Touched(connection.Run(kPutPending, {owner.org, owner.user, sealed_secret, now}));
}

Result<bool> Enable(schema::Connection& connection, const Owner& owner, const Factor& seen, int64_t step,
                    Time now) {
  return Touched(connection.Run(kEnable, {owner.org, owner.user, seen.sealed_secret, step, now}));
}

Status InsertRecoveryCodes(schema::Connection& connection, const Owner& owner,
                           const std::vector<Bytes>& macs) {
  TRYV(connection.Run(kInsertRecoveryCodes, {owner.org, owner.user, schema::Param::ByteaArray(macs)}));
  return Ok();
}

Result<bool> Lock(schema::Connection& connection, const Owner& owner, const Factor& seen) {
  TRY(const auto rows, connection.Run(kLock, {owner.org, owner.user, seen.sealed_secret}));
  return !rows.empty();
}

Result<bool> SpendStep(schema::Connection& connection, const Owner& owner, int64_t step) {
  return Touched(connection.Run(kSpendStep, {owner.org, owner.user, step}));
}

Result<bool> SpendRecoveryCode(schema::Connection& connection, const Owner& owner, ByteView mac) {
  return Touched(connection.Run(kSpendRecoveryCode, {owner.org, owner.user, mac}));
}

Status Delete(schema::Connection& connection, const Owner& owner) {
  TRYV(connection.Run(kDelete, {owner.org, owner.user}));
  return Ok();
}

Result<bool> InsertChallenge(schema::Connection& connection, const Owner& owner, ByteView mac,
                             Time expires_at, Time now) {
  TRYV(connection.Run(kDeleteExpired, {owner.org, owner.user, now}));
  return Touched(connection.Run(kInsertChallenge, {owner.org, owner.user, mac, expires_at}));
}

Result<std::optional<Challenge>> FindChallenge(schema::Connection& connection, ByteView mac) {
  TRY(const auto rows, connection.Run(kFindChallenge, {mac}));
  if (rows.empty()) return std::nullopt;
  Challenge challenge;
  challenge.owner = {rows.IdAt<OrgId>(0, 0), rows.IdAt<UserId>(0, 1)};
  challenge.mac = Copy(rows.Blob(0, 2));
  challenge.expires_at = rows.Timestamp(0, 3);
  challenge.tries = rows.Int4(0, 4);
  challenge.factor = ReadFactor(rows, 5);
  challenge.email = std::string(rows.Text(0, 8));
  challenge.tokens_valid_from = rows.Timestamp(0, 9);
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

}  // namespace claviger::api::mfa_store
