#pragma once
// Every SQL statement on refresh_families and refresh_tokens. Transactions lock a person's row before their
// families, and a family before its tokens.

#include <optional>
#include <string>
#include <vector>

#include "api/device/device_store.h"
#include "base/ids.h"
#include "crypto/credential.h"
#include "schema/pg/pg.h"

namespace claviger::api::refresh_store {

// A token with the access token that was given out beside it.
struct Issued {
  crypto::LookupMac mac;
  TokenId access;
  Time access_expires_at{};
};

struct Family {
  OrgId org;
  Uuid id{};
  UserId user;
  std::string client_id;
  Time began_at{};
  Time expires_at{};
  Time rotated_at{};
  int32_t rotations = 0;
  std::string email;
  Time tokens_valid_from{};
  Bytes shown;  // the MAC by which it was found, as it is stored
};
// Removes some of what has expired, and the person's least recently used beyond `limit`.
Status Insert(schema::Connection& connection, const Family& family, const Issued& first, Time idle_since,
              int64_t limit);
Result<std::optional<Family>> Find(schema::Connection& connection, const crypto::LookupMacs& macs);

// Under the lock of the family.
struct Turn {
  Bytes current;
  Bytes previous;  // empty before the first rotation
  Time rotated_at{};
};
// Locks the family until the transaction ends; nullopt if it is gone.
Result<std::optional<Turn>> Lock(schema::Connection& connection, const Family& family);
Status Rotate(schema::Connection& connection, const Family& family, const Turn& turn, const Issued& next);

// Ends the family and revokes the access tokens of it that live, for all nodes. Returns these.
Result<std::vector<TokenId>> End(schema::Connection& connection, const Family& family, Time now);

// Ends the family that an access token belongs to, if it does.
schema::Connection::Call EndFamilyOf(const OrgId& org, const TokenId& access);

}  // namespace claviger::api::refresh_store
