#include "api/customer_keys/customer_keys_store.h"

namespace claviger::api::customer_keys_store {
namespace {

using schema::Rows;
using schema::Statement;

constexpr Statement kFind{
    "customer_keys_find",
    "SELECT c.id, c.token, c.label, c.check_record, c.created_at, v.customer_key_id IS NOT NULL, "
    "NOT EXISTS (SELECT FROM vault_keks k WHERE k.org_id = $1 AND k.vault_id = $2 "
    "AND k.customer_key_id IS DISTINCT FROM v.customer_key_id), r.id, r.state "
    "FROM vaults v JOIN vault_customer_keys c ON c.org_id = v.org_id AND c.vault_id = v.id "
    "AND c.id = coalesce(v.customer_key_id, (SELECT k.customer_key_id FROM vault_keks k WHERE k.org_id = $1 "
    "AND k.vault_id = $2 AND k.customer_key_id IS NOT NULL ORDER BY k.version DESC LIMIT 1)) "
    "LEFT JOIN rotations r ON r.org_id = v.org_id AND r.vault_id = v.id AND r.kind = 'vault' "
    "AND r.state <> 'done' WHERE v.org_id = $1 AND v.id = $2",
    true};

constexpr Statement kInsert{
    "customer_keys_insert",
    "INSERT INTO vault_customer_keys (org_id, vault_id, id, token, label, check_record, created_at) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7)"};

constexpr Statement kWant{"customer_keys_want",
                          "UPDATE vaults SET customer_key_id = $3 WHERE org_id = $1 AND id = $2"};

constexpr Statement kPrune{
    "customer_keys_prune",
    "DELETE FROM vault_customer_keys c WHERE c.org_id = $1 AND c.vault_id = $2 "
    "AND NOT EXISTS (SELECT FROM vaults v WHERE v.org_id = $1 AND v.id = $2 AND v.customer_key_id = c.id) "
    "AND NOT EXISTS (SELECT FROM vault_keks k WHERE k.org_id = $1 AND k.vault_id = $2 "
    "AND k.customer_key_id = c.id)"};

}  // namespace

std::optional<crypto::CustomerKey> KeyAt(const Rows& rows, int row, int first) {
  if (rows.IsNull(row, first)) return std::nullopt;
  const ByteView check = rows.Blob(row, first + 3);
  return crypto::CustomerKey{rows.IdAt<crypto::CustomerKeyId>(row, first),
                             std::string(rows.Text(row, first + 1)), std::string(rows.Text(row, first + 2)),
                             Bytes(check.begin(), check.end())};
}

Result<std::optional<Bound>> Find(schema::Connection& connection, const Grant& grant) {
  TRY(const auto rows, connection.Run(kFind, {grant.org(), grant.vault()}));
  if (rows.empty()) return std::nullopt;
  Bound bound{*KeyAt(rows, 0, 0), rows.Timestamp(0, 4), rows.Bool(0, 5), rows.Bool(0, 6), std::nullopt};
  if (!rows.IsNull(0, 7)) {
    bound.rotation = CustomerKeyStatus::Move{
        rows.IdAt<RotationId>(0, 7), ParseRotationState(rows.Text(0, 8)).value_or(RotationState::kFailed)};
  }
  return bound;
}

Status Want(schema::Connection& connection, const Grant& grant, const std::optional<crypto::CustomerKey>& key,
            Time now) {
  std::optional<Uuid> id;
  if (key) {
    id = key->id.uuid;
    TRYV(connection.Run(kInsert,
                        {grant.org(), grant.vault(), key->id, key->token, key->label, key->check, now}));
  }
  TRYV(connection.Run(kWant, {grant.org(), grant.vault(), id}));
  TRYV(connection.Run(kPrune, {grant.org(), grant.vault()}));
  return Ok();
}

}  // namespace claviger::api::customer_keys_store
