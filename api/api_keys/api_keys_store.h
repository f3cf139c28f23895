#pragma once
// Every SQL statement on `api_keys`, except those of api/access/. org_id and the owner are in each WHERE.

#include <optional>
#include <vector>

#include "api/api_keys/api_keys_wire.h"
#include "crypto/keyring.h"
#include "schema/pg/pg.h"

namespace claviger::api::api_keys_store {

// False if the user is gone. Until the transaction ends nobody else makes a key of that user.
Result<bool> LockOwner(schema::Connection& connection, const OrgId& org, const UserId& user);
struct Tally {
  int64_t keys = 0;
  int64_t lately = 0;  // of these, made after `since`
};
Result<Tally> Count(schema::Connection& connection, const OrgId& org, const UserId& user, Time since);
// The first made of those that are revoked or have expired; false if there is none.
Result<bool> RemoveOldestDead(schema::Connection& connection, const OrgId& org, const UserId& user, Time now);

// `mac` is the key's CredentialMac.
Status Insert(schema::Connection& connection, const OrgId& org, const UserId& user, const ApiKey& key,
              const crypto::LookupMac& mac);

// In order of creation, those after `after`.
Result<std::vector<ApiKey>> List(schema::Connection& connection, const OrgId& org, const UserId& user,
                                 const std::optional<KeyId>& after, int64_t limit);

// False if the user has no such key. One that was revoked before stays so.
Result<bool> Revoke(schema::Connection& connection, const OrgId& org, const UserId& user, const KeyId& key);

}  // namespace claviger::api::api_keys_store
