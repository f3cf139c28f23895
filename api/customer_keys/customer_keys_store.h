#pragma once
// Every SQL statement on `vault_customer_keys`, and on the columns that name them. org_id is in each WHERE.

#include <optional>

#include "api/access/authorize.h"
#include "api/customer_keys/customer_keys_wire.h"
#include "crypto/keyring.h"
#include "schema/pg/pg.h"

namespace claviger::api::customer_keys_store {

// Of a KEK that was selected with its customer's key: id, token, label and check record, from column `first`
// on.
std::optional<crypto::CustomerKey> KeyAt(const schema::Rows& rows, int row, int first);

struct Bound {
  crypto::CustomerKey key;
  Time created_at{};
  bool wanted = false;   // it goes with the vault's next KEK, else it is being taken off
  bool settled = false;  // every KEK of the vault goes with what is wanted
  std::optional<CustomerKeyStatus::Move> rotation;  // that is not done
};
// nullopt if the vault has none, and nothing lies under one.
Result<std::optional<Bound>> Find(schema::Connection& connection, const Grant& grant);

// The vault's next KEK goes with this key, which becomes one of the vault's; nullopt: with none. Keys that
// nothing names any more are forgotten. Inside a transaction that locked the vault.
Status Want(schema::Connection& connection, const Grant& grant, const std::optional<crypto::CustomerKey>& key,
            Time now);

}  // namespace claviger::api::customer_keys_store
