#pragma once
// Every SQL statement on `api_keys`, except those of api/access/. org_id and the owner are in each WHERE.

#include <optional>
#include <vector>

#include "api/api_keys/api_keys_wire.h"
#include "schema/pg/pg.h"

namespace claviger::api::api_keys_store {

// For RunTogether. `mac` is the key's CredentialMac.
schema::Connection::Call Insert(const OrgId& org, const UserId& user, const ApiKey& key, ByteView mac);

// In order of creation, those after `after`.
Result<std::vector<ApiKey>> List(schema::Connection& connection, const OrgId& org, const UserId& user,
                                 const std::optional<KeyId>& after, int64_t limit);

// False if the user has no such key. One that was revoked before stays so.
Result<bool> Revoke(schema::Connection& connection, const OrgId& org, const UserId& user, const KeyId& key);

}  // namespace claviger::api::api_keys_store
